"""How a job stands, as its folder says."""

import pytest

from backend.jobs.record import JobState, state_of


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ({"state": "done"}, JobState.DONE),
        ({"state": "rolled back"}, JobState.ROLLED_BACK),
        ({"state": "taken back"}, JobState.ROLLED_BACK),  # as versions before wrote it
        ({"state": "of another world"}, JobState.FAILED),
        ({}, JobState.INTERRUPTED),
    ],
)
def test_states_of_every_version_are_read(result: dict[str, str], state: JobState) -> None:
    assert state_of(result, alive=False) is state


def test_a_living_job_without_a_result_is_running() -> None:
    assert state_of({}, alive=True) is JobState.RUNNING
