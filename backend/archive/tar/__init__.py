"""What is inside an archive: a tar stream, judged member by member before anything is written.

`stream` parses, `vetting` refuses whatever would leave the data directories, `program` runs tar with the
stream that passed, `selection` picks single members, `writer` spells the headers of an export as Go does.
"""
