"""The role preflight: many hosts, one page."""

import json

import pytest
from conftest import chroot, local, system

SAN = local(preflight_system=system('centos6-san-server'))
MAIL = local(preflight_system=system('debian12-vm'))
# Nothing listens on this port.
UNREACHABLE = {'ansible_host': '127.0.0.1', 'ansible_port': 1}
GATE = 'bootproof.bootproof.preflight : Close the gate for the hosts that do not pass'


@pytest.fixture
def variables(ansible, bootproof):
    return {
        'preflight_targets': ['kvm'],
        'preflight_binary': bootproof,
        'preflight_executable': bootproof,
        'preflight_folder': str(ansible.folder / 'preflight'),
        'preflight_become': False,
        'preflight_pages': ['fleet.html', 'fleet.json'],
    }


def preflight(ansible, hosts, variables, *arguments):
    return ansible.run_playbook('bootproof.bootproof.preflight', hosts, '--extra-vars', json.dumps(variables), *arguments)


def test_all_hosts_are_on_one_page_whatever_became_of_them(ansible, variables):
    hosts = {
        'san': SAN,
        'mail': MAIL,
        'twin/1': MAIL,
        'broken': local(preflight_system='/no/such/root'),
        'gone': UNREACHABLE,
    }
    run = preflight(ansible, hosts, variables, '--check')
    assert run.code == 2, run.output
    reports = ansible.folder / 'preflight/hosts'
    assert len(list(reports.glob('*.json'))) == len(hosts)
    assert sorted(path.stem for path in reports.glob('*.html')) == ['mail', 'san', 'twin_1-b1a2ae2d']

    page = (ansible.folder / 'preflight/fleet.html').read_text()
    fleet = (ansible.folder / 'preflight/fleet.json').read_text()
    for said in ['web1.example.com', 'mail.json', 'twin_1-b1a2ae2d.json', '/no/such/root', 'Failed to connect to the host']:
        assert said in page, said
        assert said in fleet, said

    gate = {host: run.of(host, GATE)[0] for host in hosts}
    assert gate == {'san': 'failed', 'broken': 'failed', 'gone': 'failed', 'mail': 'skipped', 'twin/1': 'skipped'}
    assert run.of('san', GATE)[1]['msg'].startswith('does not boot on kvm')
    assert not any(line['result'].get('changed') for line in run.records)


def test_without_the_gate_every_host_goes_on(ansible, variables):
    run = preflight(ansible, {'san': SAN, 'gone': UNREACHABLE}, {**variables, 'preflight_gate': False})
    assert run.code == 0, run.output


def test_a_report_of_an_earlier_run_does_not_stand_for_a_host_that_fails_now(ansible, variables):
    preflight(ansible, {'mail': MAIL}, variables)
    report = ansible.folder / 'preflight/hosts/mail.json'
    assert 'findings' in json.loads(report.read_text())
    preflight(ansible, {'mail': UNREACHABLE, 'san': SAN}, variables)
    assert 'Failed to connect' in json.loads(report.read_text())['error']
    assert not report.with_suffix('.html').exists()


def test_a_host_that_failed_before_the_role_is_on_the_page(ansible, variables):
    play = [
        {
            'hosts': 'all',
            'gather_facts': False,
            'pre_tasks': [{'ansible.builtin.fail': {'msg': 'no licence'}, 'when': "inventory_hostname == 'mail'"}],
            'roles': ['bootproof.bootproof.preflight'],
            'vars': variables,
        }
    ]
    ansible.write('play.yml', play)
    run = ansible.run_playbook('play.yml', {'mail': MAIL, 'san': SAN})
    assert run.code == 2
    assert 'the play did not get as far as this host' in (ansible.folder / 'preflight/fleet.html').read_text()


def test_old_hosts_are_asked_the_other_way_in_the_same_play(ansible, variables, old_server):
    hosts = {'mail': MAIL, 'old': chroot(old_server, preflight_way='collect')}
    run = preflight(ansible, hosts, variables)
    assert run.of('old', GATE)[1]['msg'].startswith('does not boot on kvm')
    fleet = (ansible.folder / 'preflight/fleet.json').read_text()
    assert 'old.json' in fleet
    assert 'mail.json' in fleet
