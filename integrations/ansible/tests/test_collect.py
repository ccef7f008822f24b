"""bootproof_collect: hosts with a shell and without Python."""

from conftest import add_busybox, chroot, local, snapshot

MODULE = 'bootproof.bootproof.bootproof_collect'


def collect(bootproof, **options):
    return [{MODULE: {'targets': ['kvm'], 'executable': bootproof, 'gate': False, **options}, 'register': 'collected'}]


def test_a_host_without_python_is_checked_and_nothing_is_written_there(ansible, bootproof, old_server):
    before = snapshot(old_server)
    run = ansible.run({'old': chroot(old_server)}, collect(bootproof, dest='kept/{{ inventory_hostname }}.tar'))
    status, result = run.of('old')
    assert status == 'ok', run.output
    assert result['verdict'] == 'fail'
    assert result['boots'] == {'kvm': 'fails'}
    assert result['report']['system']['pretty_name'] == 'CentOS release 6.10 (Final)'
    assert result['report']['system']['source'] == 'old.tar'
    assert (ansible.folder / 'kept/old.tar').stat().st_size > 0
    assert not result['changed']
    assert snapshot(old_server) == before


def test_the_gate_closes_and_the_reports_are_there(ansible, bootproof, old_server):
    tasks = collect(bootproof, gate=True, report=['out/old.html'])
    status, result = ansible.run({'old': chroot(old_server)}, tasks, '--check').of('old')
    assert status == 'failed'
    assert result['msg'].startswith('does not boot on kvm; closes the gate (high)')
    assert (ansible.folder / 'out/old.html').exists()


def test_a_host_that_sends_nothing_is_told_and_the_others_go_on(ansible, bootproof, old_server, tmp_path):
    empty = tmp_path / 'empty'
    add_busybox(empty)
    run = ansible.run({'old': chroot(old_server), 'empty': chroot(empty)}, collect(bootproof))
    status, result = run.of('empty')
    assert status == 'failed'
    assert result['msg'].startswith('the host sent nothing: ')
    assert 'no Linux system' in result['msg']
    assert run.of('old')[0] == 'ok'


def test_what_a_shell_prints_at_its_start_is_no_part_of_the_tar(ansible, bootproof, old_server):
    noisy = old_server / 'bin/noisy'
    noisy.write_text('#!/bin/ash\necho Welcome to this server\nexec /bin/ash "$@"\n')
    noisy.chmod(0o755)
    status, result = ansible.run({'old': chroot(old_server, ansible_executable='/bin/noisy')}, collect(bootproof)).of('old')
    assert status == 'ok', result
    assert result['boots'] == {'kvm': 'fails'}


def test_what_a_host_may_send_is_bounded(ansible, bootproof, old_server):
    status, result = ansible.run({'old': chroot(old_server)}, collect(bootproof, max_size='8K')).of('old')
    assert status == 'failed'
    assert result['msg'] == 'the host sent more than 8192 bytes; `max_size` raises the limit'


def test_what_is_wrong_is_named_for_each_host(ansible, bootproof):
    wrong = {
        'executable': ({'executable': 'no-such-bootproof'}, 'executable: the controller has no `no-such-bootproof`'),
        'max_size': ({'max_size': 'much'}, 'max_size: `much` is no size'),
        'baseline': ({'baseline': 'absent.json'}, 'baseline: `absent.json` is not on the controller'),
    }
    hosts = {host: local(options={'executable': bootproof, **own}) for host, (own, dummy) in wrong.items()}
    run = ansible.run(hosts, [{MODULE: '{{ options }}'}])
    for host, (dummy, said) in wrong.items():
        status, result = run.of(host)
        assert status == 'failed', host
        assert said in result['msg']
