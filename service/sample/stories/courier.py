"""Stories from a notification service in Node and Go."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="oom-killed",
        title="courier-worker pods OOMKilled after the node upgrade",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="courier",
        days_ago=34.4,
        turns=(
            user("Since we moved to bigger k8s nodes the courier-worker pods die with OOMKilled (exit code 137) within minutes. Limit is 512Mi and nothing in the code changed."),
            agent(
                "Bigger nodes and the same limit: something probably sizes itself by the number of CPUs of the node. I'll look at the pod and how the workers are started.",
                call("Bash", command="kubectl describe pod -l app=courier-worker | grep -A6 'Last State' && kubectl exec deploy/courier-worker -- sh -c 'nproc; ls /proc | grep -c ^[0-9]'", description="State of the pod"),
                call("Grep", pattern="workers|cpu_count|availableParallelism", path="deploy", output_mode="content"),
            ),
            got(
                "    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137\n64\n71",
                "deploy/start.js:5: const workers = os.cpus().length;",
            ),
            agent(
                "`os.cpus().length` is the node's 64 cores, not the pod's limit of 2. On the old nodes it was 8, and 8 × 55 MB just fitted into 512Mi; 64 processes do not.",
                call("Edit", file_path="/home/dev/projects/courier/deploy/start.js", old_string="const workers = os.cpus().length;", new_string="const workers = Number(process.env.WORKERS ?? 2); // os.cpus() counts the node's cores, not the pod's"),
                call("Bash", command="kubectl set env deploy/courier-worker WORKERS=2 && kubectl rollout status deploy/courier-worker && sleep 300 && kubectl top pod -l app=courier-worker"),
            ),
            got("The file has been updated.", "deployment \"courier-worker\" successfully rolled out\nNAME                    CPU(cores)   MEMORY(bytes)\ncourier-worker-6f7-x2   310m         148Mi"),
            agent("148Mi and steady. For the JVM services and anything with a Go runtime before 1.25 the same trap exists: GOMAXPROCS was the node's CPU count there, too."),
            user("Can we alert before the kill next time?"),
            agent("Yes: `container_memory_working_set_bytes / on(pod) kube_pod_container_resource_limits{resource=\"memory\"} > 0.9 for 5m`. Working set is what the kubelet's eviction looks at; RSS alone leaves out tmpfs."),
        ),
    ),
    Story(
        key="rate-limiter",
        title="Token bucket rate limiter across instances",
        source="codex-cli",
        model="gpt-5-codex",
        project="courier",
        days_ago=26.2,
        turns=(
            user("We need a rate limit per customer for POST /send: 50/s with bursts to 200, shared by all instances, and a correct Retry-After. Redis is there. Keep it small."),
            agent(
                "A token bucket in one Lua script, so that read, refill and take are one atomic step. State for each customer: tokens and the time of the last refill. Time comes from Redis (`TIME`), so that the instances' clocks do not matter.",
                call("apply_patch", input="*** Begin Patch\n*** Add File: src/limits/bucket.lua\n+local now = redis.call('TIME'); now = now[1] + now[2] / 1e6\n+local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\n+local tokens = math.min(BURST, (tonumber(state[1]) or BURST) + (now - (tonumber(state[2]) or now)) * RATE)\n+local allowed = tokens >= 1\n+if allowed then tokens = tokens - 1 end\n+redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\n+redis.call('PEXPIRE', KEYS[1], 1000 * BURST / RATE)\n+return { allowed and 1 or 0, allowed and 0 or (1 - tokens) / RATE }\n*** End Patch"),
                call("shell", command=["bash", "-lc", "npm test -- limits"]),
            ),
            failed("AssertionError: expected Retry-After '0' to be '1'\n  at limits.test.ts:41  (a refused request says when to come back)"),
            agent(
                "Lua numbers become integers on their way out of Redis: 0.02 arrives as 0. The wait has to be returned as a string and rounded up to whole seconds, since Retry-After takes only those.",
                call("shell", command=["bash", "-lc", "sd '\\(1 - tokens\\) / RATE \\}' 'tostring((1 - tokens) / RATE) }' src/limits/bucket.lua && npm test -- limits && npm run load -- --customers 3 --rps 300 --seconds 20"]),
            ),
            got("Tests 11 passed\ncustomer a: sent 6000, accepted 1199 (burst 200 + 20 s x 50), 429: 4801\ncustomer b: sent 6000, accepted 1200\ncustomer c: sent 6000, accepted 1199"),
            agent("Each customer got the burst of 200 and then 50 a second, over four instances. If Redis cannot be reached we let requests through and count `limits.bypassed`: a limiter that is down should not take sending with it."),
            user("agree on fail-open. what does it cost per request?"),
            agent("One round trip, 0.3 ms p50 and 0.9 ms p99 on staging. The key expires when the bucket is full again, so idle customers take no memory."),
        ),
    ),
    Story(
        key="node-leak",
        title="Memory of the courier API grows 40 MB an hour",
        source="claude-code",
        model="claude-opus-4-5",
        project="courier",
        days_ago=22.5,
        turns=(
            user("The Node API leaks: heapUsed goes from 180 MB to 1.1 GB in a day, then it is restarted. I have three heap snapshots in /tmp/heap (1 h apart). What holds the memory?"),
            agent(
                "Comparing the second and third snapshot leaves out what start-up allocated.",
                call("Bash", command="node tools/heapdiff.mjs /tmp/heap/2.heapsnapshot /tmp/heap/3.heapsnapshot --top 6", description="Compare the snapshots"),
            ),
            failed("<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
            agent("The tool itself needs more memory than Node's default.", call("Bash", command="node --max-old-space-size=6000 tools/heapdiff.mjs /tmp/heap/2.heapsnapshot /tmp/heap/3.heapsnapshot --top 6")),
            got("constructor            delta count   delta size\n(closure)                 +118,204     +7.9 MB\nIncomingMessage            +14,770    +16.2 MB\nAbortSignal                +14,771     +3.1 MB\nretainers of IncomingMessage: closure onAbort <- EventTarget listeners <- AbortSignal (shutdownSignal) <- module src/http/server.js"),
            agent(
                "14,770 requests are kept alive by listeners on one long-lived signal. Every request does `shutdownSignal.addEventListener('abort', …)` and never removes it; the closure holds the request.",
                call("Grep", pattern="shutdownSignal", path="src", output_mode="content"),
                thinking="{ once: true } does not help, because the event never fires until shutdown. Either remove the listener at the end of the request or use AbortSignal.any, which holds its dependents weakly.",
            ),
            got("src/http/server.js:31: shutdownSignal.addEventListener('abort', () => request.destroy(), { once: true });"),
            agent(
                "`{ once: true }` only removes a listener after the event, and shutdown comes once in a process's life. I remove it when the response closes:",
                call("Edit", file_path="/home/dev/projects/courier/src/http/server.js", old_string="shutdownSignal.addEventListener('abort', () => request.destroy(), { once: true });", new_string="const onAbort = () => request.destroy();\n  shutdownSignal.addEventListener('abort', onAbort);\n  response.once('close', () => shutdownSignal.removeEventListener('abort', onAbort)); // else each request is held for ever"),
                call("Bash", command="npm run soak -- --minutes 10 --rps 400"),
            ),
            got("The file has been updated.", "requests 240,000\nheapUsed after gc: start 176 MB, 5 min 181 MB, 10 min 180 MB"),
            agent("Flat after 240,000 requests. Node would have warned with `MaxListenersExceededWarning`, but someone had set `setMaxListeners(0, shutdownSignal)`, which switches the warning off. I took that line out."),
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
            user("Template service logs 20 ms per RenderTemplate, but courier sees `rpc error: code = DeadlineExceeded` after 2 s in bursts. Go client, 1 connection, k8s Service in between."),
            agent(
                "If the server is quick and the client waits, the time goes into the connection: a stale one, or requests queueing on it. I'll check how the client is dialled.",
                call("shell", command=["bash", "-lc", "rg -n 'grpc\\.(NewClient|Dial)' -A8 internal/templates/client.go; kubectl get endpoints template-service -o wide"]),
            ),
            got("14: conn, err := grpc.NewClient(\"template-service:443\", grpc.WithTransportCredentials(creds))\nNAME               ENDPOINTS\ntemplate-service   10.4.1.7:443,10.4.2.9:443,10.4.3.3:443"),
            agent(
                "Two things come together. A ClusterIP Service balances connections, not requests: with one HTTP/2 connection all calls go to one of the three pods. And when that pod goes away without a FIN (node drained), the client writes into a dead connection until the kernel gives up, which is far longer than 2 s.\n\nFix: resolve the pods by DNS (headless Service), `round_robin`, and keepalive pings.",
                call("apply_patch", input="*** Begin Patch\n*** Update File: internal/templates/client.go\n-\tconn, err := grpc.NewClient(\"template-service:443\", grpc.WithTransportCredentials(creds))\n+\tconn, err := grpc.NewClient(\"dns:///template-service-headless:443\",\n+\t\tgrpc.WithTransportCredentials(creds),\n+\t\tgrpc.WithDefaultServiceConfig(`{\"loadBalancingConfig\":[{\"round_robin\":{}}]}`),\n+\t\tgrpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 3 * time.Second}))\n*** End Patch"),
                call("shell", command=["bash", "-lc", "go test ./internal/templates/... && ./scripts/drain-one-template-pod.sh"]),
            ),
            failed("rpc error: code = Unavailable desc = closing transport due to: connection error: desc = \"error reading from server: EOF\", received prior goaway: code: ENHANCE_YOUR_CALM, debug data: \"too_many_pings\""),
            agent(
                "The server refuses pings more often than every 5 minutes (its default enforcement policy) and sends GOAWAY `too_many_pings`. The policy has to be allowed on its side: `MinTime: 10s`.",
                call("shell", command=["bash", "-lc", "cd ../template-service && rg -l 'grpc.NewServer' | xargs sd 'grpc.NewServer\\(' 'grpc.NewServer(grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second}), ' && cd - && ./scripts/drain-one-template-pod.sh"]),
            ),
            got("drained 10.4.2.9\ncalls 12,000  errors 0  p99 41ms"),
            agent("A drained pod costs no call any more. Deploy the server before the client, otherwise the pings are refused in between."),
        ),
    ),
    Story(
        key="jwt-skew",
        title="Token used before issued: clock skew between hosts",
        source="factory-droid",
        model="claude-sonnet-4-5",
        project="courier",
        days_ago=9.1,
        turns=(
            user("About 0.3% of calls fail with `JsonWebTokenError: jwt not active` / 'token used before issued'. It's random. Same token works a second later."),
            agent(
                "A token that is valid one second later points to clocks: the issuer's is ahead of the verifier's. Let me look at verification and at the clocks.",
                call("Grep", pattern="jwt.verify", path="/home/dev/projects/courier/src"),
                call("Execute", command="for h in auth-1 api-1 api-2 api-3; do ssh $h 'printf \"%s \" $(hostname); chronyc tracking | grep \"System time\"'; done"),
            ),
            got(
                "src/auth/verify.ts:17: jwt.verify(token, key, { algorithms: ['RS256'], audience: 'courier' })",
                "auth-1 System time     : 0.000021 seconds slow of NTP time\napi-1 System time     : 0.000108 seconds fast of NTP time\napi-2 System time     : 1.904410 seconds slow of NTP time\napi-3 System time     : 0.000067 seconds slow of NTP time",
            ),
            agent(
                "api-2 is 1.9 s behind: it does not synchronise. So a token issued `now` is from the future there for two seconds. Two fixes: the clock (the cause), and a leeway, which RFC 7519 explicitly allows for `exp` and `nbf`: \"some small leeway, usually no more than a few minutes\".",
                call("Edit", file_path="/home/dev/projects/courier/src/auth/verify.ts", old_str="audience: 'courier' }", new_str="audience: 'courier', clockTolerance: 10 } // seconds: hosts' clocks differ"),
                call("Execute", command="ssh api-2 'sudo systemctl status chronyd | head -4'"),
            ),
            failed("× chronyd.service - NTP client/server\n   Active: failed (Result: exit-code)\n   chronyd: Could not open /var/lib/chrony/drift: Permission denied"),
            agent(
                "chronyd has been down on api-2 since the last image build: the drift file belongs to root. The image's build script has to `chown` it; until then:",
                call("Execute", command="ssh api-2 'sudo chown chrony: /var/lib/chrony/drift && sudo systemctl restart chronyd && sleep 5 && chronyc tracking | grep \"System time\"'"),
            ),
            got("System time     : 0.000411 seconds fast of NTP time"),
            agent("In step again. I added an alert on `abs(node_timex_offset_seconds) > 0.1`, which would have shown this a week ago. The tolerance of 10 s stays as a belt to the braces."),
        ),
    ),
)
