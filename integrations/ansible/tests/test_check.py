"""bootproof_check, as plays use it."""

import json
import pathlib

from conftest import chroot, local, snapshot, system

MODULE = 'bootproof.bootproof.bootproof_check'
SAN = local(system=system('centos6-san-server'))
MAIL = local(system=system('debian12-vm'))


def check(bootproof, **options):
    task = {'system': '{{ system }}', 'targets': ['kvm'], 'binary': '{{ binary | default(omit) }}', **options}
    return [{MODULE: task, 'register': 'checked', 'vars': {'binary': bootproof}}]


def test_the_gate_fails_the_host_and_the_others_go_on(ansible, bootproof):
    run = ansible.run({'san': SAN, 'mail': MAIL}, check(bootproof) + [{'ansible.builtin.debug': {'msg': 'went on'}}])
    status, result = run.of('san')
    assert (run.code, status) == (2, 'failed')
    assert result['msg'].startswith('does not boot on kvm; closes the gate (high): initrd-missing-disk-driver (boot/')
    assert result['verdict'] == 'fail'
    assert result['boots'] == {'kvm': 'fails'}
    assert result['summary']['blocker'] == 3
    assert result['findings'][0]['gates']
    assert not result['changed']
    assert run.of('mail')[1]['msg'] == 'went on'


def test_the_whole_report_is_returned(ansible, bootproof):
    run = ansible.run({'mail': MAIL}, check(bootproof))
    status, result = run.of('mail')
    assert (run.code, status) == (0, 'ok')
    assert result['report']['schema'] == 'bootproof-report/1'
    assert result['report']['system']['hostname'] == 'mail1'
    assert len(result['report']['findings']) == len(result['findings'])
    assert result['bootproof'] == {'version': result['report']['tool']['version'], 'copied': True}


def test_a_task_that_registers_nothing_does_not_fill_the_screen_with_the_report(ansible, bootproof):
    tasks = check(bootproof)
    del tasks[0]['register']
    run = ansible.run({'san': SAN}, tasks)
    assert 'report' not in run.of('san')[1]
    assert '"not_evaluated"' not in run.output


def test_fail_on_sets_the_gate(ansible, bootproof):
    hosts = {
        'high enough': {**SAN, 'at': 'blocker', 'closes': True},
        'never': {**SAN, 'at': 'none', 'closes': False},
        'not high enough': {**MAIL, 'at': 'low', 'closes': False},
        'anything': {**MAIL, 'at': 'info', 'closes': True},
    }
    run = ansible.run(hosts, check(bootproof, fail_on='{{ at }}'))
    for host, variables in hosts.items():
        status, result = run.of(host)
        assert (status, result['verdict']) == (('failed', 'fail') if variables['closes'] else ('ok', 'pass')), host
        assert any(finding['gates'] for finding in result['findings']) == variables['closes'], host


def test_without_the_gate_the_task_reports_only(ansible, bootproof):
    run = ansible.run({'san': SAN}, check(bootproof, gate=False))
    status, result = run.of('san')
    assert (run.code, status, result['verdict'], result['rc']) == (0, 'ok', 'fail', 1)


def test_check_mode_and_a_second_run_return_the_same(ansible, bootproof):
    results = [
        ansible.run({'san': SAN}, check(bootproof, gate=False), *arguments).of('san')[1]
        for arguments in ([], [], ['--check'])
    ]
    assert results[0] == results[1] == results[2]
    assert not results[0]['changed']


def test_reports_are_written_before_the_gate_in_the_format_of_their_endings(ansible, bootproof):
    tasks = check(bootproof, report=['out/{{ inventory_hostname }}.json', 'out/{{ inventory_hostname }}.html'])
    run = ansible.run({'san': SAN, 'mail': MAIL}, tasks, '--check')
    status, result = run.of('san')
    assert status == 'failed'
    assert json.loads((ansible.folder / 'out/san.json').read_text()) == result['report']
    assert (ansible.folder / 'out/mail.html').read_text().rstrip().endswith('</html>')
    assert sorted(result['report_files']) == [str(ansible.folder / 'out/san.html'), str(ansible.folder / 'out/san.json')]


def test_a_report_in_an_unknown_format_is_refused_by_its_own_name(ansible, bootproof):
    status, result = ansible.run({'mail': MAIL}, check(bootproof, report=['out/mail.docx'])).of('mail')
    assert status == 'failed'
    assert '`out/mail.docx`' in result['msg']
    assert not (ansible.folder / 'out').exists()


def test_diff_mode_shows_what_a_fix_would_change(ansible, bootproof):
    run = ansible.run({'san': SAN}, check(bootproof, gate=False), '--check', '--diff')
    status, result = run.of('san')
    assert (status, result['changed']) == ('ok', False)
    fstab = next(diff['prepared'] for diff in result['diff'] if '--- a/etc/fstab\n' in diff['prepared'])
    removed = [line for line in fstab.splitlines() if line.startswith('-') and '/srv/data' in line]
    assert removed
    assert removed[0] in run.output.splitlines()
    assert ansible.left_behind() == []


def test_nothing_is_changed_and_nothing_left_behind(ansible, bootproof, rescue):
    root, mounted = rescue
    before = snapshot(root)
    tasks = check(bootproof, gate=False, report=['out/{{ inventory_hostname }}.html'])
    run = ansible.run({'rescue': chroot(root, system=mounted), 'mail': MAIL}, tasks)
    assert run.code == 0, run.output
    after = snapshot(root)
    # Ansible makes its own folder for temporary files, once, and empties it.
    new = [path for path in after if path not in before]
    assert new in ([], ['tmp/ansible'])
    assert [path for path in before if after[path] != before[path]] in ([], ['tmp'])
    assert ansible.left_behind() == []


def test_a_chroot_gives_the_report_that_its_files_give_here(ansible, bootproof, rescue):
    root, mounted = rescue
    run = ansible.run({'there': chroot(root, system=mounted), 'here': SAN}, check(bootproof, gate=False))
    there, here = run.of('there')[1]['report'], run.of('here')[1]['report']
    assert there['system'].pop('source') == f'there:{mounted}'
    assert here['system'].pop('source') == f"here:{SAN['system']}"
    assert there == here


def test_an_installed_program_is_used_where_it_is(ansible, bootproof, rescue):
    root, mounted = rescue
    installed = root / 'usr/local/bin/bootproof'
    installed.parent.mkdir(parents=True, exist_ok=True)
    installed.symlink_to(bootproof)
    try:
        status, result = ansible.run({'rescue': chroot(root, system=mounted)}, check('{{ omit }}', gate=False)).of('rescue')
    finally:
        installed.unlink()
    assert status == 'ok', result
    assert result['bootproof']['copied'] is False


def test_what_is_accepted_or_known_does_not_close_the_gate(ansible, bootproof):
    (ansible.folder / 'accepted.toml').write_text('[[waiver]]\nrule = "mount-stops-boot"\nreason = "The disk is replaced"\n')
    assert ansible.run({'san': SAN}, check(bootproof, gate=False, report=['known.json'])).code == 0
    hosts = {
        'known': local(options={'baseline': 'known.json'}),
        'accepted': local(options={'waivers': 'accepted.toml'}),
    }
    task = {'system': SAN['system'], 'targets': ['kvm'], 'binary': bootproof}
    run = ansible.run(hosts, [{MODULE: '{{ task | combine(options) }}', 'vars': {'task': task}}])
    status, result = run.of('known')
    assert (status, result['verdict']) == ('ok', 'pass')
    assert not any(finding['gates'] for finding in result['findings'])
    status, result = run.of('accepted')
    assert status == 'failed'
    accepted = [finding['gates'] for finding in result['findings'] if finding['rule'] == 'mount-stops-boot']
    assert accepted and not any(accepted)
    assert any(finding['gates'] for finding in result['findings'])


def test_rules_and_targets_of_the_controller_come_along(ansible, bootproof, rescue):
    root, mounted = rescue
    rules = ansible.folder / 'rules/ours'
    (rules / 'my-rule/trips/root/etc').mkdir(parents=True)
    (rules / 'my-rule/trips/root/etc/broken.yaml').write_text('- not: [a rule')
    (rules / 'my-rule.yaml').write_text(
        'id: my-rule\ntitle: The host has a name\nseverity: low\nwhen: system.hostname != ""\n'
        'at: first(system.at, place("etc/hostname"))\nmessage: It is called {{ system.hostname }}\nwhy: We say so.\nfix:\n  - advice: Nothing to do.\n'
    )
    (ansible.folder / 'box.yaml').write_text(
        'name: box\ntitle: Our box\nfirmware: bios\ndevices:\n'
        '  - {modalias: "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", disk: vda}\n'
    )
    tasks = check(bootproof, gate=False, targets=['./box.yaml'], rules=['rules'])
    status, result = ansible.run({'rescue': chroot(root, system=mounted)}, tasks).of('rescue')
    assert status == 'ok', result
    assert list(result['boots']) == ['box']
    assert [finding['message'] for finding in result['findings'] if finding['rule'] == 'my-rule'] == ['It is called web1.example.com']


def test_a_mistake_in_a_file_of_the_controller_is_told_by_its_path_there(ansible, bootproof):
    (ansible.folder / 'rules').mkdir()
    (ansible.folder / 'rules/bad.yaml').write_text('id: bad\nseverity: dreadful\n')
    status, result = ansible.run({'mail': MAIL}, check(bootproof, rules=['rules'])).of('mail')
    assert status == 'failed'
    assert f'{ansible.folder}/rules/bad.yaml' in result['msg']


def test_what_is_wrong_is_named_for_each_host(ansible, bootproof):
    wrong = {
        'waivers': ({'waivers': 'absent.toml'}, 'waivers: `absent.toml` is not on the controller'),
        'targets': ({'targets': ['nowhere']}, '`nowhere`'),
        'fail_on': ({'fail_on': 'dreadful'}, 'value of fail_on must be one of'),
        'system': ({'system': '/no/such/root'}, 'cannot open `/no/such/root`'),
    }
    options = {'binary': bootproof, 'targets': ['kvm'], 'system': MAIL['system']}
    hosts = {host: local(options={**options, **own}) for host, (own, dummy) in wrong.items()}
    run = ansible.run({**hosts, 'right': local(options=options)}, [{MODULE: '{{ options }}'}])
    for host, (dummy, said) in wrong.items():
        status, result = run.of(host)
        assert status == 'failed', host
        assert said in result['msg']
    assert run.of('right')[0] == 'ok'


def for_another_machine(data):
    return data[:18] + b'\xb7\0' + data[20:]


def without_loader(data):
    return data.replace(b'/lib64/ld-linux', b'/lib64/no-linux')


def test_a_binary_that_cannot_run_is_told_and_the_others_go_on(ansible, bootproof):
    broken = {
        'other-machine': (for_another_machine, 'is made for aarch64, and this host is x86_64'),
        'no-loader': (without_loader, 'it needs a loader that this host lacks; use the static binary'),
        'empty': (lambda data: b'', 'is empty'),
        'cut': (lambda data: data[:30], 'is cut off'),
        'script': (lambda data: b'#!/bin/sh\n', 'is no Linux program'),
    }
    whole = pathlib.Path(bootproof).read_bytes()
    for name, (change, dummy) in broken.items():
        (ansible.folder / name).write_bytes(change(whole))
    hosts = {name: {**MAIL, 'mine': str(ansible.folder / name)} for name in broken}
    run = ansible.run({**hosts, 'good': {**MAIL, 'mine': bootproof}}, check('{{ mine }}'))
    for name, (dummy, said) in broken.items():
        status, result = run.of(name)
        assert status == 'failed', name
        assert said in result['msg']
    assert run.of('good')[0] == 'ok'
    assert ansible.left_behind() == []
