# test_suite.py: the driver's arithmetic and tables, and failing programs
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import measure
import pytest
from suite import chart, report, runner, table
from suite.figures import Result, Unit, above, limit, share, show_number, times, times_better
from suite.rows import Column, Contender, Effort, Role, Row, make_rows
from suite.runner import Measured, Runner

sys.path.insert(0, str(Path(__file__).parent / 'python'))
import work  # noqa: E402 (it is where the programs are)


def result(unit: Unit, *samples: float) -> Result:
    return Result(unit, list(samples))


def program(text: str, key: str = 'gmproc', role: Role = Role.OURS) -> Contender:
    return Contender(key, (sys.executable, '-c', text), role)


def printing(seconds: float, key: str = 'gmproc', role: Role = Role.OURS) -> Contender:
    return program(f'print(\'{{"seconds": {seconds}}}\')', key, role)


def make_row(*contenders: Contender, unit: Unit = Unit.MILLISECONDS) -> Row:
    column = Column('seconds', 'a thing', unit, (limit(2), times('peer', 3)))
    return Row('row', 'A row', (column,), contenders)


def run(row: Row, n_rounds: int = 1) -> Measured:
    [measured] = Runner(Path('/nowhere'), lambda _text: None, lambda _contender: True).run(
        [row], n_rounds)
    return measured


def test_median_and_spread() -> None:
    figure = result(Unit.MILLISECONDS, 5, 1, 3)
    assert (figure.median, figure.spread) == (3, (1, 5))
    assert Result(Unit.MILLISECONDS).median is None
    figure.error = 'failed'
    assert (figure.median, figure.spread) == (None, None)


def test_units() -> None:
    assert Unit.MICROSECONDS.convert(2e-6) == pytest.approx(2)
    assert Unit.RATE.convert(0.5) == 2
    assert Unit.MEGABYTES.show(12.34) == '12.3 MB'
    assert Unit.RATE.show(1234567.8) == '1,234,568'
    assert [show_number(value) for value in (0, 0.12345, 1.5, 99.94, 1234)] == [
        '0', '0.123', '1.5', '99.9', '1,234']


def test_ratios() -> None:
    assert times_better(Unit.MICROSECONDS, 1, 15) == 15
    assert times_better(Unit.RATE, 300, 100) == 3
    assert times_better(Unit.NUMBER, 1, 0) == 0
    assert times_better(Unit.NUMBER, 0, 1) is None


@pytest.mark.parametrize('unit, ours, reached', [
    (Unit.MICROSECONDS, 14, True), (Unit.MICROSECONDS, 14.1, False), (Unit.RATE, 14, True),
    (Unit.RATE, 13.9, False), (Unit.NUMBER, 0, True)])
def test_limit(unit: Unit, ours: float, reached: bool) -> None:
    verdict = limit(14)({'gmproc': result(unit, ours)}, 'gmproc')
    assert verdict.reached is reached
    assert verdict.wanted.startswith('at least 14' if unit is Unit.RATE else 'at most 14')


def test_times() -> None:
    results = {'gmproc': result(Unit.MICROSECONDS, 10), 'peer': result(Unit.MICROSECONDS, 30)}
    assert times('peer', 3)(results, 'gmproc').reached is True
    assert times('peer', 3.1)(results, 'gmproc').reached is False
    # At most one and a half times another's figure.
    results['floor'] = result(Unit.MICROSECONDS, 7)
    assert times('floor', 1 / 1.5)(results, 'gmproc').reached is True
    results['floor'] = result(Unit.MICROSECONDS, 6)
    verdict = times('floor', 1 / 1.5)(results, 'gmproc')
    assert (verdict.reached, verdict.wanted, verdict.got) == (
        False, 'at most 1.5 times floor', '1.67 times')


def test_above() -> None:
    results = {'gmproc': result(Unit.RATE, 10), 'a': result(Unit.RATE, 5),
               'b': result(Unit.RATE, 9)}
    assert above(('a', 'b'))(results, 'gmproc').got == '1.11 times b'
    results['b'] = result(Unit.RATE, 11)
    assert above(('a', 'b'))(results, 'gmproc').reached is False
    results['b'].error = 'not installed'
    verdict = above(('a', 'b'))(results, 'gmproc')
    assert (verdict.reached, verdict.got) == (None, 'not measured: not installed')


def test_share() -> None:
    results = {'gmproc': result(Unit.RATE, 9), 'undisturbed': result(Unit.RATE, 10)}
    verdict = share('undisturbed', 90)(results, 'gmproc')
    assert (verdict.reached, verdict.wanted, verdict.got) == (
        True, 'at least 90 % of undisturbed', '90.0 %')
    assert share('undisturbed', 91)(results, 'gmproc').reached is False
    assert share('absent', 1)(results, 'gmproc').reached is None


def test_what_needs_pypi_is_measured_where_that_was_asked_for() -> None:
    def choose(*arguments: str) -> list[str]:
        options = measure.parse_arguments([*arguments])
        is_chosen = measure.make_choice(options)
        return [row.key for row in measure.choose_rows(options)
                if any(map(is_chosen, row.contenders))]
    assert not [key for key in choose() if key.startswith('envs-')]
    assert choose('--pypi', '--only', 'envs-frames') == ['envs-frames']
    row = Row('row', 'A row', (), (Contender('peer', ('{pypi}/bin/x',), pypi='x==1'),))
    assert Runner(Path(), lambda _text: None, lambda _contender: False).run([row], 1) == []


def test_rounds_and_order() -> None:
    order: list[str] = []

    class Noting(Runner):
        def measure(self, measured: Measured, contender: Contender) -> None:
            order.append(contender.key)
            super().measure(measured, contender)

    row = make_row(printing(0.001), printing(0.004, 'peer', Role.PEER))
    noting = Noting(Path('/nowhere'), lambda _text: None, lambda _contender: True)
    [measured] = noting.run([row], 3)
    assert order == ['gmproc', 'peer', 'peer', 'gmproc', 'gmproc', 'peer']
    assert measured.columns[0]['peer'].samples == pytest.approx([4, 4, 4])
    assert [verdict.reached for verdict in table.judge(measured)] == [True, True]


@pytest.mark.parametrize('text, reason', [
    ('import sys; sys.exit("it broke")', 'it broke'),
    ('print("nothing")', "printed 'nothing\\n', which are no figures"),
    ('', "printed '', which are no figures"),
    ('print(\'{"other": 1}\')', 'printed no figure "seconds"')])
def test_a_peer_that_fails_stays_in_the_table(text: str, reason: str) -> None:
    measured = run(make_row(printing(0.001), program(text, 'peer', Role.PEER)), 2)
    assert measured.columns[0]['peer'].error == reason
    assert measured.columns[0]['gmproc'].median == pytest.approx(1)
    assert [verdict.reached for verdict in table.judge(measured)] == [True, None]
    for shown in table.format_text([measured]), table.format_markdown([measured]):
        assert f'none: {reason}' in shown
        assert 'unknown' in shown


def test_one_failure_voids_the_samples_before() -> None:
    measured = run(make_row(printing(0.001)))
    measured.fail(measured.contenders[0], 'a wrong answer')
    assert measured.columns[0]['gmproc'].median is None


def test_a_program_that_is_missing_is_named() -> None:
    measured = run(make_row(
        printing(0.001), Contender('peer', ('/nowhere/peer-x', '{build}/peer-x'), package='libx')))
    assert measured.columns[0]['peer'].error == 'peer-x was not built, as libx is not installed'


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, 'TIME_LIMIT', 0.5)
    measured = run(make_row(program('import signal; signal.pause()')))
    assert measured.columns[0]['gmproc'].error == 'had not ended after 0.5 seconds'


def test_the_best_of_ours_counts() -> None:
    row = make_row(printing(0.004), printing(0.001, 'other'), unit=Unit.RATE)
    row = Row(row.key, row.title, row.columns, row.contenders, ours=('gmproc', 'other'))
    assert run(row).ours == 'other'


def test_tables() -> None:
    measured = run(make_row(printing(0.001), printing(0.004, 'peer', Role.PEER)))
    text = table.format_text([measured])
    assert 'A row  [row]' in text and '4 times worse' in text
    assert '  reached  row  at most 2 ms' in text
    markdown = table.format_markdown([measured])
    assert '| **gmproc** | 1 ms | 1 ms - 1 ms |  |' in markdown
    assert '| A row | at most 2 ms | 1 ms | reached |' in markdown
    figures = json.loads(report.to_json([measured], {}, 1, 0.1))
    assert figures['rows'][0]['columns'][0]['results']['peer']['median'] == pytest.approx(4)
    assert figures['rows'][0]['goals'][1]['reached'] is True


def test_the_chapter_is_updated(tmp_path: Path) -> None:
    chapter = tmp_path / 'chapter.md'
    chapter.write_text(f'before\n{report.BEGIN}\nold\n{report.END}\nafter\n')
    machine = {'packages': {'x': '1'}, 'commit': 'abc', 'processors': 2, 'processor': 'y',
               'load': 1, 'system': 'z', 'kernel': '6'}
    measured = run(make_row(printing(0.001)))
    for _ in range(2):
        report.update_chapter(chapter, [measured], machine, 'a command')
    text = chapter.read_text()
    assert text.startswith('before\n') and text.endswith('after\n')
    assert 'old' not in text and text.count('### A row') == 1
    chapter.write_text('no marks')
    with pytest.raises(ValueError, match='once'):
        report.update_chapter(chapter, [measured], machine, 'a command')


def test_the_summary_has_rows_and_peers_that_exist() -> None:
    rows = {row.key: row for row in make_rows(Effort(0.1))}
    for key, peers in table.SUMMARY.items():
        assert set(peers) <= {contender.key for contender in rows[key].contenders}


def test_summary() -> None:
    measured = run(make_row(printing(0.001), printing(0.004, 'peer', Role.PEER)))
    table.SUMMARY['row'] = ('peer', 'absent')
    try:
        assert '| A row | **1 ms** | peer 4 ms |' in table.format_summary([measured])
    finally:
        del table.SUMMARY['row']


def test_picture() -> None:
    """The chart is XML with each name; axes have whole decades, or begin at 0."""
    measured = run(make_row(printing(0.0021), printing(0.4, 'a < b', Role.PEER)))
    picture = ElementTree.fromstring(chart.draw([measured]))
    texts = [element.text for element in picture.iter('{http://www.w3.org/2000/svg}text')]
    assert {'gmproc', 'a < b', '2.1 ms', '1 ms', '10 ms', '100 ms', '1,000 ms'} <= set(texts)
    circles = [element for element in picture.iter('{http://www.w3.org/2000/svg}circle')][-2:]
    assert float(circles[0].get('cx', '')) < float(circles[1].get('cx', ''))
    nothing = run(make_row(program('print(\'{"seconds": 0}\')'), printing(6, 'peer', Role.PEER)))
    assert '>0 ms</text>' in chart.draw([nothing])


def test_disturbance() -> None:
    assert 0 <= report.Disturbance().get() <= 100


def test_every_goal_has_its_row() -> None:
    goals = [row.key for row in make_rows(Effort(0.1))
             if any(column.conditions for column in row.columns)]
    assert goals == ['c-1', 'c-asleep', 'c-4', 'c-16', 'c-many', 'python-1', 'python-4',
                     'python-16mb', 'c-application', 'python-application', 'python-batch',
                     'python-values', 'c-start', 'python-start', 'python-tasks', 'idle',
                     'python-kept', 'executor-single', 'executor-pending', 'executor-16mb',
                     'c-pool', 'c-pool-pending', 'python-import', 'envs-cartpole',
                     'envs-frames', 'envs-first', 'envs-killed', 'memory']


@pytest.mark.parametrize('arguments', [['--only', 'nonsense'], ['--rounds', '0'],
                                       ['--seconds', '0'], ['--update-docs', '--ours'],
                                       ['--update-docs'], ['--only', 'envs-first']])
def test_arguments_that_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]
                                    ) -> None:
    with pytest.raises(SystemExit):
        measure.parse_arguments(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_wrong_answers_are_seen() -> None:
    asker = work.Asker(3)
    assert asker.take(work.Tally(4, 1).answer(asker.next()))
    with pytest.raises(work.WrongAnswer):
        asker.take(asker.next())
    echo = work.Echo(0.01, [8192])
    array = echo.next().copy()
    array[600] += 1
    with pytest.raises(work.WrongAnswer):
        echo.take(array)


def test_the_tally_counts_when_all_are_there() -> None:
    tally = work.Tally(2, 0.001)
    askers = [work.Asker(0), work.Asker(1)]
    while not tally.is_over():
        askers = [asker for asker in askers if asker.take(tally.answer(asker.next()))]
    seconds, count = tally.get()
    assert count > 0 and seconds * count >= 0.001
