#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The documentation of bootproof_collect; the action plugin of this name does the work."""

from __future__ import absolute_import, division, print_function

DOCUMENTATION = r"""
module: bootproof_collect
short_description: Say whether a Linux host will boot elsewhere, without an agent or Python on it
version_added: 0.1.0
description:
  - Runs the shell script of C(bootproof collect) on the host, which sends what bootproof reads, without secrets, and looks at
    it on the controller with C(bootproof check).
  - Made for old hosts. It needs a POSIX shell and C(tar) there, no Python and no program of bootproof, and writes nothing,
    not even a temporary file. RHEL 5 does.
  - Use it in a play with C(gather_facts=false), since gathering facts takes Python.
  - Nothing on the host is changed, so RV(ignore:changed) is always false and check mode does the whole work.
  - With C(--diff) the task shows what C(bootproof fix) would change on the host, as unified diffs. Nothing is applied.
author:
  - The bootproof authors (!UNKNOWN)
options:
  system:
    description:
      - The system to collect, a directory on the host. V(/) is the running one; a root file system mounted elsewhere does as well.
    type: path
    default: /
  executable:
    description:
      - The name or path of C(bootproof) on the controller.
    type: path
    default: bootproof
  dest:
    description:
      - Where to keep what the host sent, a path on the controller. Left out, it is removed after the check.
    type: path
  max_size:
    description:
      - What the host may send at most. The controller holds it in memory while it arrives; C(throttle) bounds how many hosts
        send at a time.
    type: str
    default: 2G
extends_documentation_fragment:
  - bootproof.bootproof.gate
attributes:
  check_mode:
    description: Can run in check mode and returns the same as without.
    support: full
  diff_mode:
    description: Shows what C(bootproof fix) would change.
    support: full
notes:
  - The connection plugin has to feed a command's standard input (C(has_pipelining)), as C(ssh), C(local) and
    C(community.general.chroot) do.
seealso:
  - module: bootproof.bootproof.bootproof_check
"""

EXAMPLES = r"""
- name: Check a server with RHEL 5
  bootproof.bootproof.bootproof_collect:
    targets: [kvm]
    report:
      - reports/{{ inventory_hostname }}.html
  become: true

- name: Keep what the hosts sent, so that it can be checked again without them
  bootproof.bootproof.bootproof_collect:
    dest: collected/{{ inventory_hostname }}.tar
    gate: false
  become: true
  throttle: 4
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
dest:
  description: Where what the host sent is kept.
  type: str
  returned: when O(dest) is given
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
