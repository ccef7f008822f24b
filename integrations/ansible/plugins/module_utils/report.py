# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""bootproof's options, command line and report, as the modules and action plugins of this collection share them.

This also runs on the hosts, with the Python that they have: it keeps to what Python 2.7 knows. It starts no process; the
command line is that of `bootproof check --help`, the report that of `bootproof schema report`.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os

# The shape of the report that is understood here; bootproof only adds to it.
SCHEMA = 'bootproof-report/1'

# The exit codes that come with a report: nothing closes the gate, something does.
REPORTED = (0, 1)

# The exit code with which bootproof says that it cannot do its work.
REFUSED = 2

SEVERITIES = ('blocker', 'high', 'medium', 'low', 'info')

# Findings that the message names; the rest is counted.
NAMED = 3

# Characters of what bootproof said on stderr that a message repeats; the whole of it is in the result.
QUOTED = 2000

# How bootproof begins what it says when it cannot do its work.
ERROR = 'error: '


class NoReport(Exception):
    """bootproof gave no report; the text says why."""


def gate_options():
    """The options of every module that ends with a report."""
    return dict(
        targets=dict(type='list', elements='str', default=[]),
        fail_on=dict(type='str', choices=list(SEVERITIES) + ['none'], default='high'),
        gate=dict(type='bool', default=True),
        rules=dict(type='list', elements='path', default=[]),
        waivers=dict(type='path'),
        baseline=dict(type='path'),
        report=dict(type='list', elements='path', default=[]),
        return_report=dict(type='bool', default=True),
    )


def check_command(executable, system, params, outputs):
    """The command line of `bootproof check`; `outputs` are the files that it writes beside the JSON on stdout."""
    command = [executable, 'check', '--format', 'json', '--fail-on', params['fail_on']]
    command += repeated('--target', params['targets']) + repeated('--rules', params['rules'])
    for option in ('waivers', 'baseline'):
        if params[option]:
            command += ['--' + option, params[option]]
    return command + repeated('--output', outputs) + ['--', system]


def fix_command(executable, system, params, folder):
    """The command line of `bootproof fix`, which writes patches and scripts into `folder`."""
    command = [executable, 'fix'] + repeated('--target', params['targets']) + repeated('--rules', params['rules'])
    return command + ['--output', folder, '--', system]


def repeated(option, values):
    """An option once for each of its values."""
    return [word for value in values for word in (option, value)]


def read_report(rc, stdout, stderr):
    """The report that bootproof wrote to stdout.

    The exit code alone does not tell: a dynamic loader that misses a library ends with 1 or 127, too.
    """
    if rc not in REPORTED:
        raise NoReport(said(stderr) or 'it ended with %s and said nothing' % rc)
    try:
        report = json.loads(stdout)
        schema = report['schema']
    except (ValueError, KeyError, TypeError):
        raise NoReport(said(stderr) or 'it ended with %s and wrote no report' % rc)
    if schema != SCHEMA:
        raise NoReport('its report is `%s`, and this collection reads `%s`: use versions that belong together' % (schema, SCHEMA))
    return report


def said(stderr):
    """What bootproof said, cut to what fits a message."""
    text = stderr.strip()
    if text.startswith(ERROR):
        text = text[len(ERROR):]
    return text if len(text) <= QUOTED else text[:QUOTED] + ' ...'


def text_of(path):
    """The text of a file that bootproof wrote; a patch has the bytes of the system's own file, in whatever encoding."""
    with io.open(path, encoding='utf-8', errors='replace') as stream:
        return stream.read()


def patches(folder, rc, stderr, warn):
    """What `bootproof fix` wrote into `folder`, as the `diff` of a task; a fix that did not work is a warning."""
    if not os.path.isdir(folder):
        if rc not in REPORTED:
            warn('what a fix would change is not shown: %s' % said(stderr))
        return []
    names = sorted(name for name in os.listdir(folder) if name.endswith('.patch'))
    return [dict(prepared=text_of(os.path.join(folder, name))) for name in names]


def result_of(report, params):
    """What a task returns of a report; it fails where the gate is closed.

    `failed` is said in either case: Ansible takes an `rc` of 1 for a failure where it is not.
    """
    findings = [shortened(finding, params['fail_on']) for finding in report['findings']]
    result = dict(
        changed=False,
        failed=report['verdict'] != 'pass' and params['gate'],
        verdict=report['verdict'],
        summary=report['summary'],
        boots=dict((boot['target'], boot['outcome']) for boot in default_boots(report)),
        findings=findings,
        msg=sentence(report, findings, params['fail_on']),
    )
    if params['return_report']:
        result['report'] = report
    return result


def shortened(finding, fail_on):
    """What a play decides on."""
    bad_enough = fail_on != 'none' and SEVERITIES.index(finding['severity']) <= SEVERITIES.index(fail_on)
    return dict(
        rule=finding['rule'],
        severity=finding['severity'],
        target=finding['target'],
        message=finding['message'],
        at=place(finding['at']),
        gates=bad_enough and not finding.get('waived') and not finding.get('known', False),
    )


def place(at):
    """`etc/fstab:3`, or the path alone."""
    return at['path'] if at.get('line') is None else '%s:%s' % (at['path'], at['line'])


def default_boots(report):
    """The boot that the loader picks by itself on each target, or the first where none is marked."""
    chosen = []
    for target in report['targets']:
        boots = [boot for boot in report['boots'] if boot['target'] == target['name']]
        by_itself = [boot for boot in boots if boot['default']]
        chosen += (by_itself or boots)[:1]
    return chosen


def sentence(report, findings, fail_on):
    """The result in one sentence."""
    gating = [finding for finding in findings if finding['gates']]
    if gating:
        gate = 'closes the gate (%s): %s' % (fail_on, worst(gating))
    elif report['verdict'] != 'pass':
        gate = 'the gate (%s) is closed' % fail_on
    else:
        gate = 'nothing closes the gate (%s); %s' % (fail_on, counted(report['summary']))
    return '%s; %s' % (headline(report), gate)


def headline(report):
    """Where it boots."""
    words = {}
    for boot in default_boots(report):
        cut_off = boot['outcome'] == 'fails' and boot['failed_at'] == 'network'
        words.setdefault('cut off' if cut_off else boot['outcome'], []).append(boot['target'])
    if not words:
        return 'no boot entry was found'
    phrases = (
        ('fails', 'does not boot on'),
        ('cut off', 'boots without a network on'),
        ('boots', 'boots on'),
        ('unknown', 'cannot be told for'),
    )
    return '; '.join('%s %s' % (phrase, ', '.join(words[outcome])) for outcome, phrase in phrases if outcome in words)


def worst(gating):
    """The first few rules with the place that each hits first, and the number of the others."""
    places = {}
    rules = []
    for finding in gating:
        if finding['rule'] not in places:
            places[finding['rule']] = finding['at']
            rules.append(finding['rule'])
    named = ', '.join('%s (%s)' % (rule, places[rule]) for rule in rules[:NAMED])
    return named if len(rules) <= NAMED else '%s and %s more' % (named, len(rules) - NAMED)


def counted(summary):
    """`2 medium, 1 info`."""
    counts = ['%s %s' % (summary[severity], severity) for severity in SEVERITIES if summary.get(severity)]
    return ', '.join(counts) or 'nothing found'
