"""`browse --plain`: everything the screens can, by questions and answers in lines.

For screen readers, braille displays, slow lines and scripts of answers: no cursor is moved, no colour used,
no line written twice. `session` reads what is typed and does it; `asks` has the questions before a change.
"""
