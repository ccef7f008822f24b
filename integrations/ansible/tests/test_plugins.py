"""The parts of the plugins that need no play."""

import struct

import pytest
from ansible_collections.bootproof.bootproof.plugins.filter.file_name import file_name
from ansible_collections.bootproof.bootproof.plugins.module_utils import report as reports
from ansible_collections.bootproof.bootproof.plugins.plugin_utils import local_files, program

PT_LOAD, PT_INTERP = 1, 3


def elf(machine, segments, wide=True, order='<'):
    """An ELF file of a header and a table of segments."""
    size = 56 if wide else 32
    head = b'\x7fELF' + bytes([2 if wide else 1, 1 if order == '<' else 2, 1]) + bytes(9)
    sizes = struct.pack(f'{order}HHHHHH', 0, size, len(segments), 0, 0, 0)
    if wide:
        head += struct.pack(f'{order}HHIQQQI', 2, machine, 1, 0, 64, 0, 0) + sizes
    else:
        head += struct.pack(f'{order}HHIIIII', 2, machine, 1, 0, 52, 0, 0) + sizes
    return head + b''.join(struct.pack(f'{order}I', kind) + bytes(size - 4) for kind in segments)


@pytest.mark.parametrize(
    ('data', 'made_for', 'is_static', 'runs_on', 'not_on'),
    [
        (elf(62, [PT_LOAD]), 'x86_64', True, ['x86_64', 'amd64', ''], ['aarch64', 'i686']),
        (elf(62, [PT_LOAD, PT_INTERP]), 'x86_64', False, ['x86_64'], ['s390x']),
        (elf(183, [PT_LOAD]), 'aarch64', True, ['aarch64', 'arm64'], ['x86_64', 'armv7l']),
        (elf(3, [PT_LOAD], wide=False), 'i386', True, ['i686', 'x86_64'], ['aarch64']),
        (elf(22, [PT_LOAD], order='>'), 's390x', True, ['s390x'], ['x86_64']),
        (elf(9999, [PT_LOAD]), 'machine 9999', True, ['x86_64'], []),
    ],
)
def test_what_a_program_is_made_for(tmp_path, data, made_for, is_static, runs_on, not_on):
    (tmp_path / 'program').write_bytes(data)
    found = program.look_at(str(tmp_path / 'program'))
    assert (found.made_for, found.is_static) == (made_for, is_static)
    assert [machine for machine in runs_on if not found.runs_on(machine)] == []
    assert [machine for machine in not_on if found.runs_on(machine)] == []


def test_a_program_that_is_cut_off_anywhere_is_no_program(tmp_path):
    whole = elf(62, [PT_LOAD, PT_INTERP])
    path = tmp_path / 'program'
    # The kind of a segment is its first field: after that of the last one nothing more is read.
    for end in range(len(whole) - 52):
        path.write_bytes(whole[:end])
        with pytest.raises(program.NotAProgram):
            program.look_at(str(path))


@pytest.mark.parametrize('host', ['web1', 'db-2.example.com', 'A_b'])
def test_a_usual_host_keeps_its_name(host):
    assert file_name(host) == host


def test_other_names_become_safe_and_stay_apart():
    hosts = ['web/1', 'web_1', 'web 1', '../../etc/passwd', '..', '.hidden', '2001:db8::1', 'ü', 'x' * 500, 'x' * 501, '']
    names = [file_name(host) for host in hosts]
    assert len(set(names)) == len(hosts)
    assert [name for name in names if '/' in name or name.startswith('.') or len(name) > 120] == []


def test_example_systems_beside_rules_stay_here(tmp_path):
    for name in ['a.yaml', 'a/trips/root/etc/netplan/01.yaml', 'more/b.yml', 'more/notes.txt', 'more/b/near-miss/expect.yaml']:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert local_files.rule_files(str(tmp_path)) == ['a.yaml', 'more/b.yml']


def boot(target, outcome, default=True, failed_at=None):
    return {'target': target, 'outcome': outcome, 'default': default, 'failed_at': failed_at}


def report(boots, **more):
    targets = list(dict.fromkeys(boot['target'] for boot in boots))
    summary = dict.fromkeys(reports.SEVERITIES, 0)
    return {
        'schema': reports.SCHEMA, 'targets': [{'name': name} for name in targets], 'boots': boots,
        'findings': [], 'summary': summary, 'verdict': 'pass', **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ('boots', 'said'),
    [
        ([], 'no boot entry was found'),
        ([boot('kvm', 'boots'), boot('xen', 'boots')], 'boots on kvm, xen'),
        ([boot('kvm', 'boots', default=False), boot('kvm', 'fails')], 'does not boot on kvm'),
        ([boot('kvm', 'boots', default=False), boot('kvm', 'fails', default=False)], 'boots on kvm'),
        (
            [boot('kvm', 'fails', failed_at='network'), boot('xen', 'unknown'), boot('azure', 'fails', failed_at='initrd')],
            'does not boot on azure; boots without a network on kvm; cannot be told for xen',
        ),
    ],
)
def test_the_headline_is_about_the_default_boot(boots, said):
    assert reports.headline(report(boots)) == said


def finding(rule, severity='high', line=None, **more):
    return {'rule': rule, 'severity': severity, 'target': None, 'message': '', 'at': {'path': 'etc/a', 'line': line}, **more}


def result(findings, fail_on='high', **more):
    params = {'fail_on': fail_on, 'gate': True, 'return_report': False}
    return reports.result_of(report([boot('kvm', 'boots')], findings=findings, verdict='fail', **more), params)


def test_the_message_names_the_worst_three_and_counts_the_rest_by_rule():
    found = [finding('a', line=3), finding('a', line=4), finding('b'), finding('c'), finding('d'), finding('d'), finding('e', 'low')]
    assert result(found)['msg'] == 'boots on kvm; closes the gate (high): a (etc/a:3), b (etc/a), c (etc/a) and 1 more'


def test_what_is_waived_or_known_does_not_gate():
    found = [finding('a', waived={'reason': 'accepted'}), finding('b', known=True), finding('c', known=False, waived=None)]
    assert [item['gates'] for item in result(found)['findings']] == [False, False, True]


@pytest.mark.parametrize(
    ('rc', 'stdout', 'stderr', 'said'),
    [
        (2, '', 'error: cannot open `/x`\n', 'cannot open `/x`'),
        (127, '', '', 'it ended with 127 and said nothing'),
        (None, '', 'does not run', 'does not run'),
        (1, '', "libc.so.6: version `GLIBC_2.34' not found", "libc.so.6: version `GLIBC_2.34' not found"),
        (0, '{"schema": "bootproof-report/1", "tar', '', 'it ended with 0 and wrote no report'),
        (0, '[]', '', 'it ended with 0 and wrote no report'),
        (0, '{"schema": "bootproof-report/2"}', '', 'its report is `bootproof-report/2`, and this collection reads'),
    ],
)
def test_without_a_report_the_reason_is_told(rc, stdout, stderr, said):
    with pytest.raises(reports.NoReport) as told:
        reports.read_report(rc, stdout, stderr)
    assert str(told.value).startswith(said)
