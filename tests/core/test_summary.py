"""What a person reads about a run."""

from __future__ import annotations

from dataclasses import replace

from eager_kernel.core.summary import summarise
from tests.core.runs import Part, hostile_report, report_of

CLOCK = "reads a clock"


def test_fully_hidden() -> None:
    report = report_of(Part(1, 1, 1.5), Part(2, 2, 4), Part(6, 6, 6.001), generation=6, end=6.01)
    assert summarise(report) == (
        "All 2.5 s of execution ran while the model was still writing.\n"
        "That saved 2.5 s: the run took 6.0 s instead of 8.5 s."
    )


def test_no_code() -> None:
    assert summarise(report_of(generation=2, end=3)) == "No code came in 3.0 s."


def test_nothing_ran() -> None:
    report = report_of(Part(1, lines=3), Part(2), generation=2, end=2)
    assert summarise(report) == "Nothing of the program (4 lines) ran."
    report = report_of(Part(1), generation=2, end=2)
    assert summarise(report) == "Nothing of the program (1 line) ran."


def test_failed_early() -> None:
    report = report_of(Part(1, 1, 1.5), Part(2), Part(2.1, lines=3), generation=2.2, end=2.2)
    assert summarise(report) == (
        "All 0.5 s of execution ran while the model was still writing.\n"  # and no saving claimed
        "Lines 2-5 did not run."
    )
    report = report_of(Part(1, 1, 1.5), Part(2), generation=2.2, end=2.2)
    assert summarise(report).endswith("\nLine 2 did not run.")


def test_held() -> None:
    report = report_of(
        Part(1, 1, 1.4),
        Part(1.5, 6, 6.3, "hold", CLOCK),
        Part(2, 6.3, 7.1),
        Part(3, 7.1, 7.2, "hold", "starts a thread"),
        Part(6, 7.2, 7.3),
        generation=6,
        end=7.3,
    )
    assert summarise(report) == (
        "0.4 of 1.7 s of execution ran while the model was still writing. "
        "The user waited 1.3 s after the last token.\n"
        "That saved 0.4 s: the run took 7.3 s instead of 7.7 s.\n"
        "Line 2 was to run only when the program was complete (reads a clock), "
        "so lines 2-5 waited 4.5 s. The same is true of line 4 (starts a thread).\n"
        "Without it, the run would have ended with the last token."
    )


def test_holding_that_cost_no_time() -> None:
    report = report_of(Part(1, 1, 3), Part(2.99, 3, 3.5, "hold", CLOCK), generation=3, end=3.5)
    text = summarise(report)
    assert "Line 2 was to run only when the program was complete (reads a clock), which" in text
    assert "which cost no time." in text
    assert "Without" not in text


def test_held_and_never_run() -> None:
    report = report_of(Part(1, 1, 1.5), Part(2, action="hold"), Part(3), generation=3, end=3)
    assert summarise(report).split("\n")[1:] == [
        "Line 2 was to run only when the program was complete, and lines 2-3 did not run."
    ]


def test_holding_explains_only_part_of_the_waiting() -> None:
    report = report_of(
        Part(1, 4, 8, "hold", CLOCK), Part(2, 8, 9), Part(4, 9, 10), generation=4, end=10
    )
    text = summarise(report)
    assert "None of the 6.0 s of execution ran while the model was still writing." in text
    assert text.endswith("Without it, the run would have ended about 3.0 s sooner.")


def test_one_more_reason_or_many() -> None:
    parts = [Part(1, 4, 4.5, "hold", f"reason {i}") for i in range(5)]
    text = summarise(report_of(*parts, generation=4, end=4.5))
    assert "The same is true of line 2 (reason 1), line 3 (reason 2) and 2 more." in text


def test_waiting_at_an_effect() -> None:
    report = report_of(
        Part(1, 1, 6.5, waits=((1.5, 6, "opens 'a' for writing"),)),
        Part(2, 6.5, 7.5),
        Part(6, 7.5, 7.6),
        generation=6,
        end=7.6,
    )
    assert summarise(report).split("\n")[2:] == [
        "Line 1 stood still for 4.5 s at an effect on the outside, which happens only when the "
        "program is complete: opens 'a' for writing.",
        "Without that wait, the run would have ended with the last token.",
    ]


def test_what_reading_cost() -> None:
    report = report_of(Part(1, 1, 5), generation=6, end=6)
    assert "longer to execute" not in summarise(replace(report, reading_s=0.11))
    assert "As its text was read meanwhile, it took up to 0.1 s longer to execute." in summarise(
        replace(report, reading_s=0.13)
    ).split("\n")


def test_several_waits() -> None:
    waits = ((1.5, 3, "removes 'a'"), (3, 6, "removes 'b'"))
    report = report_of(Part(1, 1, 6.5, waits=waits), Part(2, 6.5, 7.5), generation=6, end=7.6)
    text = summarise(report)
    assert "Line 1 stood still for 3.0 s" in text
    assert "removes 'b'. So did line 1." in text


def test_execution_dominated() -> None:
    parts = [Part(1 + i / 2, 1 + 2 * i, 3 + 2 * i) for i in range(5)]
    assert summarise(report_of(*parts, generation=3, end=11)) == (
        "2.0 of 10.0 s of execution ran while the model was still writing. "
        "The user waited 8.0 s after the last token.\n"
        "That saved 2.0 s: the run took 11.0 s instead of 13.0 s.\n"
        "The program runs for longer than the model wrote, so 8.0 s of waiting was the least "
        "there could be."
    )


def test_work_in_the_last_statement() -> None:
    report = report_of(Part(1, 1, 1.2), Part(3, 3, 5.4), generation=3, end=5.4)
    assert summarise(report).endswith(
        "Most of the work, 2.4 of 2.6 s, is in the last statement (line 2), which nothing can hide."
    )


def test_work_in_functions() -> None:
    definition = Part(2, 3, 3.001, "defer", "a definition", lines=20)
    report = report_of(Part(1, 1, 1.2), definition, Part(3, 3.001, 5.4), generation=3, end=5.4)
    assert "(line 22). Most of the program is definitions" in summarise(report)


def test_work_that_came_late() -> None:
    report = report_of(Part(1, 1, 1.2), Part(3, 3, 5.4), Part(4, 5.4, 5.5), generation=4, end=5.5)
    assert summarise(report).endswith(
        "Most of the work, 2.4 of 2.7 s, is in line 2, which was complete only 1.0 s before the "
        "last token."
    )


def test_tiny_program() -> None:
    report = report_of(Part(1, 1, 1.002), generation=1, end=1.003)
    assert summarise(report) == (
        "The program took only 2 ms to execute, so there was little to hide."
    )


def test_one_cell() -> None:
    parts = (Part(0.501, 0.51, 1.51), Part(0.502, 0.51, 1.51))
    report = report_of(*parts, generation=0.51, end=1.51, one_cell=True)
    assert summarise(report) == (
        "The program ran as one cell when all of it was there, so none of its 1.0 s of execution "
        "was hidden. The user waited 1.0 s after the last token.\n"
        "The model wrote for only 10 ms, too short to hide more."
    )


def test_all_at_once() -> None:
    parts = (Part(0.5, 0.51, 1.51), Part(0.5, 0.51, 1.51))
    report = report_of(*parts, generation=0.5, end=1.51, one_cell=True)
    assert summarise(report).endswith(
        "All of the text came at once, so there was nothing to hide behind."
    )


def test_saving_may_be_left_out() -> None:
    report = report_of(Part(1, 1, 2), generation=6, end=6)
    assert summarise(report, saving=False) == (
        "All 1.0 s of execution ran while the model was still writing."
    )


def test_serial_mode() -> None:
    parts = (Part(1, 4, 6.2, "hold", "mode"), Part(4, 4, 6.2, "hold", "mode"))
    text = summarise(report_of(*parts, generation=4, end=6.2, one_cell=True))
    assert "(mode), so lines 1-2 waited 3.0 s.\n" in text
    assert text.endswith("Without it, up to 2.2 s of execution could have been hidden.")


def test_slower_than_serial() -> None:
    report = report_of(Part(1, 1, 1.1), Part(2, 2.5, 2.6), generation=2, end=2.6)
    assert "Running it after it was written would have been 0.4 s faster." in summarise(report)


def test_files_that_were_changed_early() -> None:
    report = report_of(Part(1, 1, 1.5), Part(2, 2, 2.5), generation=6, end=6)
    assert "Changed" not in summarise(report)
    files = {"/a/one.png": 3, "/a/two.csv": 0}
    assert "\nChanged before the program was complete: one.png (line 3) and two.csv." in summarise(
        report.with_files(files, undone=False)
    )
    many = {f"/a/{number}": number for number in range(1, 500)}
    assert "\nChanged before the program was complete: 1 (line 1), 2 (line 2), " in summarise(
        report.with_files(many, undone=True)
    )
    assert " more; that was undone." in summarise(report.with_files(many, undone=True))


def test_hostile_strings() -> None:
    report = hostile_report()
    text = summarise(report)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(text.split("\n")) <= 6
    assert len(text) < 900
    assert "\ud800" not in text
    text.encode()
