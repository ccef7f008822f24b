#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs `bootproof check` on the host. What comes from the controller is put there by the action plugin of this name."""

from __future__ import absolute_import, division, print_function

DOCUMENTATION = r"""
module: bootproof_check
short_description: Say whether a Linux host will boot elsewhere or after a change
version_added: 0.1.0
description:
  - Runs C(bootproof check) on the host and returns its report, which says on which platforms the host will boot, what breaks,
    in which file and line, why, and how to mend it.
  - The host needs no installation. Where C(bootproof) is not installed, the static binary is copied from the controller
    and removed when the task ends.
  - Nothing on the host is changed, so RV(ignore:changed) is always false and check mode does the whole work.
  - With C(--diff) the task shows what C(bootproof fix) would change on the host, as unified diffs. Nothing is applied.
  - Reading a whole system takes root; C(become) gives it. What may not be read is reported as unknown.
author:
  - The bootproof authors (!UNKNOWN)
options:
  system:
    description:
      - The system to look at, a path on the host. V(/) is the running one; a root file system mounted elsewhere, a tar or a
        disk image do as well.
    type: path
    default: /
  binary:
    description:
      - The static binary on the controller, copied to the host for this task.
      - Left out, the installed O(executable) is used and, where there is none, the C(bootproof) in the controller's C(PATH).
      - In an inventory of several architectures, name it by the host's, such as C(bootproof-{{ ansible_facts.architecture }}).
    type: path
  executable:
    description:
      - The name or path of the C(bootproof) that is installed on the host.
    type: str
    default: bootproof
  chdir:
    description:
      - The folder on the host that C(bootproof) runs in.
      - The action plugin sets it to the one that it copies the files of other options to, whatever a task says.
    type: path
    default: /
extends_documentation_fragment:
  - bootproof.bootproof.gate
attributes:
  check_mode:
    description: Can run in check mode and returns the same as without.
    support: full
  diff_mode:
    description: Shows what C(bootproof fix) would change.
    support: full
requirements:
  - Python 2.7 or 3.5 and newer on the host, as far as the version of ansible-core knows it. Older hosts are a case for
    M(bootproof.bootproof.bootproof_collect), which needs no Python there.
seealso:
  - module: bootproof.bootproof.bootproof_collect
"""

EXAMPLES = r"""
- name: Stop the play unless the host will boot on KVM and on VMware
  bootproof.bootproof.bootproof_check:
    targets: [kvm, vmware]
  become: true

- name: Report only, and keep the page on the controller
  bootproof.bootproof.bootproof_check:
    binary: files/bootproof-{{ ansible_facts.architecture }}
    targets: [kvm]
    gate: false
    report:
      - reports/{{ inventory_hostname }}.html
      - reports/{{ inventory_hostname }}.json
  become: true
  register: preflight

- name: Migrate what is ready
  ansible.builtin.include_role:
    name: migrate
  when: preflight.boots.kvm == 'boots'

- name: Gate a golden image that is mounted on the build host
  bootproof.bootproof.bootproof_check:
    system: /mnt/image
    targets: [aws-nitro, targets/our-cluster.yaml]
    rules: [rules]
    waivers: bootproof.toml
    fail_on: medium
"""

RETURN = r"""
msg:
  description: The result in one sentence, with the worst findings and where they are.
  type: str
  returned: always
  sample: >-
    does not boot on kvm; closes the gate (high): initrd-missing-disk-driver
    (boot/initramfs-2.6.32-754.el6.x86_64.img), lvm-filter-hides-disks (etc/lvm/lvm.conf:9) and 9 more
verdict:
  description: The gate's answer, V(pass) or V(fail).
  type: str
  returned: when the host could be checked
  sample: fail
summary:
  description: The number of findings of each severity.
  type: dict
  returned: when the host could be checked
  sample: {blocker: 3, high: 8, medium: 1, low: 3, info: 2}
boots:
  description:
    - What becomes of the default boot entry on each target, V(boots), V(fails) or V(unknown).
    - A boot that comes up without its network is V(fails).
  type: dict
  returned: when the host could be checked
  sample: {kvm: fails, same: boots}
findings:
  description: What was found, worst first, shortened to what a play decides on.
  type: list
  elements: dict
  returned: when the host could be checked
  contains:
    rule:
      description: The rule's id. C(bootproof explain RULE) says more.
      type: str
    severity:
      description: How bad it is.
      type: str
    target:
      description: The target that it concerns, or null where that does not matter.
      type: str
    message:
      description: What is wrong there.
      type: str
    at:
      description: The file relative to the root, with its line if there is one.
      type: str
    gates:
      description: Whether it closes the gate, being bad enough, neither waived nor in the baseline.
      type: bool
report:
  description: The whole report. C(bootproof schema report) describes it.
  type: dict
  returned: when the host could be checked and O(return_report=true)
report_files:
  description: The files that were written on the controller.
  type: list
  elements: str
  returned: when O(report) is given
  sample: [reports/web1.html]
rc:
  description:
    - The exit code of bootproof. V(0), nothing closes the gate; V(1), something does; anything else, it could not do its work.
  type: int
  returned: when bootproof ran
stderr:
  description: What bootproof said of its own work.
  type: str
  returned: when it failed
bootproof:
  description: The program that was run.
  type: dict
  returned: when the host could be checked
  contains:
    version:
      description: Its version.
      type: str
    copied:
      description: Whether it was copied from the controller for this task.
      type: bool
diff:
  description: What C(bootproof fix) would change, one item a patch.
  type: list
  elements: dict
  returned: in diff mode
  contains:
    prepared:
      description: A unified diff that C(patch -p1) applies in the root directory.
      type: str
"""

import errno
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.bootproof.bootproof.plugins.module_utils import report as reports


class Host(object):
    """Runs bootproof on this host. `folder` takes what it writes."""

    def __init__(self, module, folder):
        self.module = module
        self.params = module.params
        self.folder = folder
        self.system = os.path.abspath(self.params['system'])

    def check(self):
        """The result of the task, with the text of the reports that the action plugin writes on the controller."""
        outputs = dict((given, self.output(index, given)) for index, given in enumerate(self.params['report']))
        rc, stdout, stderr = self.run(
            reports.check_command(self.params['executable'], self.system, self.params, list(outputs.values()))
        )
        for given, path in outputs.items():
            stderr = stderr.replace(path, given)
        try:
            report = reports.read_report(rc, stdout, stderr)
        except reports.NoReport as error:
            return dict(changed=False, failed=True, msg=str(error), rc=rc, stderr=stderr)
        result = reports.result_of(report, self.params)
        result['rc'] = rc
        result['rendered'] = dict((given, reports.text_of(path)) for given, path in outputs.items())
        result['bootproof'] = dict(version=report['tool']['version'])
        for line in stderr.splitlines():
            self.module.warn(line)
        return result

    def output(self, index, given):
        """Where bootproof writes a report that goes to the controller: the ending says in which format."""
        return os.path.join(self.folder, '%s-%s' % (index, os.path.basename(given)))

    def fixes(self):
        """What `bootproof fix` would change, a diff for each patch."""
        folder = os.path.join(self.folder, 'fixes')
        rc, dummy, stderr = self.run(reports.fix_command(self.params['executable'], self.system, self.params, folder))
        return reports.patches(folder, rc, stderr, self.module.warn)

    def run(self, command):
        """Exit code, stdout and stderr of one run of bootproof.

        It runs in the folder to which the action plugin copied the files that the options name: they are called the same
        in every host's report then.
        """
        try:
            return self.module.run_command(
                command,
                cwd=self.params['chdir'],
                environ_update={'NO_COLOR': '1'},
                expand_user_and_vars=False,
                handle_exceptions=False,
            )
        except (OSError, IOError) as error:
            return None, '', why_not_started(command[0], error)


def why_not_started(executable, error):
    """Why the program could not be started, in words that say what to do."""
    hints = {
        errno.ENOEXEC: 'it is no program for this machine (%s)' % os.uname()[4],
        errno.EACCES: 'it may not be executed there; a file system that is mounted noexec wants another `ansible_remote_tmp`',
    }
    if error.errno == errno.ENOENT and os.path.exists(executable):
        return '`%s` does not run here: it needs a loader that this host lacks; use the static binary' % executable
    return '`%s` does not run here: %s' % (executable, hints.get(error.errno, os.strerror(error.errno or 0)))


def main():
    module = AnsibleModule(
        argument_spec=dict(
            reports.gate_options(),
            system=dict(type='path', default='/'),
            binary=dict(type='path'),
            executable=dict(type='str', default='bootproof'),
            chdir=dict(type='path', default='/'),
        ),
        supports_check_mode=True,
    )
    # Not in Ansible's own folder, which is the login user's: with `become` another one may write.
    folder = tempfile.mkdtemp(prefix='bootproof-')
    try:
        host = Host(module, folder)
        result = host.check()
        if module._diff and 'verdict' in result:
            result['diff'] = host.fixes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
