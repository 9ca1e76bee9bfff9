"""Stories of races, deadlines, clocks and locks that nobody holds."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="flaky-websocket",
        title="Flaky websocket test in CI",
        source="claude-code",
        model="claude-opus-4-5",
        project="ledger-api",
        days_ago=39.5,
        turns=(
            user(
                "tests/test_notifications.py::test_balance_is_pushed fails about one run in ten on CI, never locally. Please find the race, don't add a sleep."
            ),
            agent(
                "Let me read the test and the endpoint, then try to make it fail here.",
                call("Read", file_path="/home/dev/projects/ledger-api/tests/test_notifications.py"),
                call(
                    "Bash",
                    command="taskset -c 0 pytest tests/test_notifications.py -k balance_is_pushed --count 200 -x -q",
                    description="Repeat on one core",
                ),
            ),
            got(
                "async def test_balance_is_pushed(client, ws):\n    await ws.connect('/ws/accounts/1')\n    await client.post('/entries', json=ENTRY)\n    message = await asyncio.wait_for(ws.receive_json(), timeout=1)\n    assert message['balance'] == '40.00'",
                "tests/test_notifications.py ...........................F\nE   TimeoutError\n1 failed, 27 passed in 9.81s",
            ),
            agent(
                "On one core it fails after 28 rounds, so I can work with it. `ws.connect` returns when the handshake is done, but the server subscribes to the channel *after* `accept()`. If the POST is handled in between, the message is published before anybody listens, and it is lost.",
                call("Grep", pattern="accept\\(\\)|subscribe", path="app/ws.py", output_mode="content"),
                thinking="This is not only a test problem: a real client that connects and posts at once would miss the update too. So the fix belongs in the server.",
            ),
            got(
                "21:    await websocket.accept()\n22:    async with broker.subscribe(f'account:{account_id}') as events:\n23:        async for event in events:"
            ),
            agent(
                "The server has the bug, the test only shows it. Subscribe first, accept afterwards: then whoever has a connection is subscribed.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/ledger-api/app/ws.py",
                    old_string="    await websocket.accept()\n    async with broker.subscribe(f'account:{account_id}') as events:\n",
                    new_string="    async with broker.subscribe(f'account:{account_id}') as events:\n        await websocket.accept()  # after subscribing: a connected client misses nothing\n",
                ),
                call(
                    "Bash",
                    command="taskset -c 0 pytest tests/test_notifications.py -k balance_is_pushed --count 1000 -x -q",
                ),
            ),
            got("The file app/ws.py has been updated.", "1000 passed in 301.22s"),
            agent("A thousand rounds on one core without a failure. The test itself is unchanged."),
        ),
    ),
    Story(
        key="grpc-deadline",
        title="DEADLINE_EXCEEDED although the server answers in 20 ms",
        source="codex-cli",
        model="gpt-5.2",
        project="courier",
        days_ago=18.3,
        turns=(
            user(
                "Template service logs 20 ms per RenderTemplate, but courier sees `rpc error: code = DeadlineExceeded` after 2 s in bursts. Go client, 1 connection, k8s Service in between."
            ),
            agent(
                "If the server is quick and the client waits, the time goes into the connection: a stale one, or requests queueing on it. I'll check how the client is dialled.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "rg -n 'grpc\\.(NewClient|Dial)' -A8 internal/templates/client.go; kubectl get endpoints template-service -o wide",
                    ],
                ),
            ),
            got(
                '14: conn, err := grpc.NewClient("template-service:443", grpc.WithTransportCredentials(creds))\nNAME               ENDPOINTS\ntemplate-service   10.4.1.7:443,10.4.2.9:443,10.4.3.3:443'
            ),
            agent(
                "Two things come together. A ClusterIP Service balances connections, not requests: with one HTTP/2 connection all calls go to one of the three pods. And when that pod goes away without a FIN (node drained), the client writes into a dead connection until the kernel gives up, which is far longer than 2 s.\n\nFix: resolve the pods by DNS (headless Service), `round_robin`, and keepalive pings.",
                call(
                    "apply_patch",
                    input='*** Begin Patch\n*** Update File: internal/templates/client.go\n-\tconn, err := grpc.NewClient("template-service:443", grpc.WithTransportCredentials(creds))\n+\tconn, err := grpc.NewClient("dns:///template-service-headless:443",\n+\t\tgrpc.WithTransportCredentials(creds),\n+\t\tgrpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),\n+\t\tgrpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 3 * time.Second}))\n*** End Patch',
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "go test ./internal/templates/... && ./scripts/drain-one-template-pod.sh",
                    ],
                ),
            ),
            failed(
                'rpc error: code = Unavailable desc = closing transport due to: connection error: desc = "error reading from server: EOF", received prior goaway: code: ENHANCE_YOUR_CALM, debug data: "too_many_pings"'
            ),
            agent(
                "The server refuses pings more often than every 5 minutes (its default enforcement policy) and sends GOAWAY `too_many_pings`. The policy has to be allowed on its side: `MinTime: 10s`.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "cd ../template-service && rg -l 'grpc.NewServer' | xargs sd 'grpc.NewServer\\(' 'grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second}), ' && cd - && ./scripts/drain-one-template-pod.sh",
                    ],
                ),
            ),
            got("drained 10.4.2.9\ncalls 12,000  errors 0  p99 41ms"),
            agent(
                "A drained pod costs no call any more. Deploy the server before the client, otherwise the pings are refused in between."
            ),
        ),
    ),
    Story(
        key="dst",
        title="Daily reminders an hour late after the clocks changed",
        source="opencode",
        model="gpt-5.2",
        project="notewell",
        days_ago=23.4,
        turns=(
            user(
                "Since Sunday reminders set for 08:00 arrive at 09:00 for users in Europe, and one test fails with 'expected 23, got 24'. Scheduler is src/reminders/next.ts"
            ),
            agent(
                "Clocks changed on Sunday. Let me see how the next time is computed.",
                call("read", filePath="/home/dev/projects/notewell/src/reminders/next.ts"),
            ),
            got(
                "export function nextReminder(last: Date): Date {\n  return new Date(last.getTime() + 24 * 60 * 60 * 1000);\n}"
            ),
            agent(
                "It adds 24 hours. A day is 23 or 25 hours long when daylight saving time begins or ends, so what has to stay the same is the wall-clock time in the user's zone, not the distance in milliseconds. That needs the zone's name (`Europe/Berlin`), not an offset, and a rule for times that do not exist (02:30 in spring) or exist twice (02:30 in autumn).",
                call("grep", pattern="timezone|utcOffset", path="src"),
            ),
            got(
                "src/users/model.ts:14:  utcOffsetMinutes: number;\nsrc/reminders/send.ts:22: const local = addMinutes(now, user.utcOffsetMinutes);"
            ),
            agent(
                "Users only have an offset, which is the second half of the problem: it was right when they signed up. I'll store the IANA zone (the client sends `Intl.DateTimeFormat().resolvedOptions().timeZone` with its next request) and compute with Temporal:\n\n```ts\nconst next = last.toZonedDateTimeISO(user.timeZone).add({ days: 1 }).with({ hour, minute }, { disambiguation: 'compatible' });\n```\n\n"
                "`compatible` moves a time that does not exist forward and takes the first of two.",
                call(
                    "edit",
                    filePath="/home/dev/projects/notewell/src/reminders/next.ts",
                    oldString="return new Date(last.getTime() + 24 * 60 * 60 * 1000);",
                    newString="return atWallClock(user.timeZone, addDays(localDate(last, user.timeZone), 1), user.reminderTime);",
                ),
                call("bash", command="npm test -- reminders"),
            ),
            failed(
                "FAIL reminders/next.test.ts\n  ● 02:30 on the last Sunday in March\n    ReferenceError: Temporal is not defined"
            ),
            agent(
                "Node has no Temporal without a flag here; `@js-temporal/polyfill` is the reference implementation.",
                call("bash", command="npm i @js-temporal/polyfill && npm test -- reminders"),
            ),
            got(
                "✓ keeps 08:00 across the change in March (23 h)\n✓ keeps 08:00 across the change in October (25 h)\n✓ 02:30 in March becomes 03:30\n✓ 02:30 in October comes once\n14 passed"
            ),
            user("what about the users for whom we only know the offset?"),
            agent(
                "Until the client tells its zone we keep the offset (`Etc/GMT-1` and so on), as before: wrong twice a year, and no worse than today. After four weeks 97% should have a zone; a query for the rest is in docs/time-zones.md."
            ),
        ),
    ),
    Story(
        key="terraform-lock",
        title="Terraform state stays locked after a cancelled run",
        source="gemini-cli",
        model="gemini-2.5-pro",
        project="fleet-infra",
        days_ago=28.6,
        turns=(
            user(
                "terraform plan fails: Error acquiring the state lock, ConditionalCheckFailedException. Someone cancelled the pipeline yesterday. Can I just force-unlock?"
            ),
            agent(
                "Only when nobody is applying any more. I will look at who holds the lock and whether the holder is alive.",
                call(
                    "run_shell_command",
                    command="terraform plan -lock-timeout=0s 2>&1 | sed -n '/Lock Info/,/Info:/p'",
                ),
                call(
                    "run_shell_command",
                    command="gh run list --workflow apply.yml --status in_progress --json databaseId,headBranch",
                ),
            ),
            got(
                "Lock Info:\n  ID:        4f0c9d1e-77aa-2b16-e2f0-8a2f6e7d1c55\n  Path:      fleet-state/production/terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       runner@ci-17\n  Created:   yesterday 16:42",
                "[]",
            ),
            agent(
                "The holder was an **apply** on ci-17, and no run is in progress. An apply that was cut off may have created things that are not in the state, so look before you unlock: compare what the cloud has with the state.",
                call(
                    "run_shell_command",
                    command="terraform force-unlock -force 4f0c9d1e-77aa-2b16-e2f0-8a2f6e7d1c55 && terraform plan -refresh-only -no-color | tail -15",
                ),
            ),
            failed(
                "Failed to unlock state: failed to retrieve lock info for lock ID: unexpected end of JSON input"
            ),
            agent(
                "The lock row in DynamoDB exists without an `Info` value: the run was killed between two writes. The row has to be deleted by key.",
                call(
                    "run_shell_command",
                    command='aws dynamodb delete-item --table-name terraform-locks --key \'{"LockID":{"S":"fleet-state/production/terraform.tfstate"}}\' && terraform plan -no-color | tail -6',
                ),
            ),
            got("Plan: 1 to add, 0 to change, 0 to destroy.\n  + aws_security_group_rule.metrics_ingress"),
            agent(
                "One resource is planned again: `metrics_ingress`. The cancelled run had already created it (the console shows the rule), so an apply would fail with `InvalidPermission.Duplicate`. Import it:",
                call(
                    "run_shell_command",
                    command="terraform import aws_security_group_rule.metrics_ingress sg-0a1b_ingress_tcp_9090_9090_10.0.0.0/8 && terraform plan -detailed-exitcode; echo exit $?",
                ),
            ),
            got("Import successful!\nNo changes. Your infrastructure matches the configuration.\nexit 0"),
            agent(
                "State and cloud agree again. To avoid a repeat: `concurrency: production` with `cancel-in-progress: false` in the apply workflow, so that a cancel waits for Terraform's own graceful stop."
            ),
        ),
    ),
)
