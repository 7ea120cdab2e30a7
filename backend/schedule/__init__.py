"""What runs by itself: the steps of a schedule as jobs, the units that start it, what is told afterwards."""

from typing import TYPE_CHECKING

from backend.lazy import lazy_names

if TYPE_CHECKING:
    from backend.schedule.calendar import Calendar, read_calendar, read_rhythm
    from backend.schedule.history import History, RunRecord
    from backend.schedule.metrics import metrics_refusal
    from backend.schedule.notices import notice_refusal, result_text
    from backend.schedule.running import Audience, Schedule, StopWish, Watch, run_schedule
    from backend.schedule.steps import STEP_VERBS, Step, StepEnd, StepState, demand_step
    from backend.schedule.timers import Manager, Timers, timers_of
    from backend.schedule.units import Start, UnitFiles, units_of
else:
    __getattr__ = lazy_names(__name__)
