"""Writes the result of each task on each host to the file RECORD, a JSON object a line, for the tests to read."""

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: notification
short_description: Results as lines of JSON
description: Results as lines of JSON.
"""


class CallbackModule(CallbackBase):
    """What became of each task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'record'

    def record(self, status, outcome):
        # The options as the module got them are not what the task returns, and have random paths.
        result = {key: value for key, value in outcome._result.items() if key != 'invocation'}
        line = {'host': outcome._host.get_name(), 'task': outcome._task.get_name(), 'status': status, 'result': result}
        with open(os.environ['RECORD'], 'a', encoding='utf-8') as stream:
            stream.write(json.dumps(line, default=str) + '\n')

    def v2_runner_on_ok(self, result):
        self.record('ok', result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.record('ignored' if ignore_errors else 'failed', result)

    def v2_runner_on_unreachable(self, result):
        self.record('unreachable', result)

    def v2_runner_on_skipped(self, result):
        self.record('skipped', result)
