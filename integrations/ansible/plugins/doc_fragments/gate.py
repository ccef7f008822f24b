# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The options of every module that ends with a report."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that bootproof_check and bootproof_collect have in common."""

    DOCUMENTATION = r"""
options:
  targets:
    description:
      - The platforms to ask about, built-in names (C(bootproof targets) lists them) or target files on the controller.
      - Left out, the hardware that the host has now and a set of usual platforms.
    type: list
    elements: str
    default: []
  fail_on:
    description:
      - The severity from which on a finding closes the gate. V(none) leaves it open whatever is found.
    type: str
    choices: [blocker, high, medium, low, info, none]
    default: high
  gate:
    description:
      - Whether the task fails when the gate is closed. V(false) only reports; RV(verdict) still has the answer.
      - A host that could not be checked fails in either case.
    type: bool
    default: true
  rules:
    description:
      - Folders of your own rules on the controller, used beside those that are built in.
    type: list
    elements: path
    default: []
  waivers:
    description:
      - A file of waivers on the controller. What it waives does not close the gate.
    type: path
  baseline:
    description:
      - An earlier report (JSON) on the controller. What was known then does not close the gate.
    type: path
  report:
    description:
      - Files on the controller to write the report to, each in the format of its extension, such as C(.html), C(.json),
        C(.md) or C(.sarif). Folders that are missing are made.
      - Put C({{ inventory_hostname }}) into the name, or every host overwrites what the host before it wrote.
      - They are written in check mode, too, and before the gate.
    type: list
    elements: path
    default: []
  return_report:
    description:
      - Whether RV(report) is returned. Without it the result stays small, which is easier on the memory of the controller
        and on the eyes when the task fails.
    type: bool
    default: true
"""
