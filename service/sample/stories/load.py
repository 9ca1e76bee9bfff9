"""Stories of too much at once: requests, processes, memory."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="stampede",
        title="Cache stampede when the catalogue key expires",
        source="opencode",
        model="claude-sonnet-4-5",
        project="shopfront",
        days_ago=16.4,
        turns=(
            user(
                "Every ten minutes on the dot the database CPU jumps to 100% for about 8 seconds and p99 goes from 120 ms to 6 s. "
                "The catalogue is cached in Redis for 600 seconds. Coincidence?"
            ),
            agent(
                "No: when `catalogue:v3` expires, every request in flight misses at the same moment and all of them run the same heavy "
                "query. That is a cache stampede (thundering herd). Let me look at how it is filled.",
                call("read", filePath="/home/dev/projects/shopfront/src/catalogue/cache.ts"),
            ),
            got(
                "export async function catalogue() {\n  const hit = await redis.get('catalogue:v3');\n  if (hit) return JSON.parse(hit);\n"
                "  const fresh = await loadCatalogue(); // 2.1 s\n  await redis.set('catalogue:v3', JSON.stringify(fresh), { EX: 600 });\n  return fresh;\n}"
            ),
            agent(
                "Two changes. First, probabilistic early expiration: each reader may refresh a little before the end, the likelier the "
                "closer it is, so that normally one request recomputes while the others still hit. Second, a short lock (`SET NX PX 5000`) "
                "for a truly cold key; whoever does not get it serves the stale copy, which we keep under a second key for an hour.",
                call(
                    "edit",
                    filePath="/home/dev/projects/shopfront/src/catalogue/cache.ts",
                    oldString="if (hit) return JSON.parse(hit);",
                    newString="if (hit && !refreshEarly(hit)) return hit.value;\n  if (!(await redis.set(LOCK, id, { NX: true, PX: 5000 }))) return stale(hit);",
                ),
                call(
                    "bash",
                    command="pnpm vitest run src/catalogue && k6 run load/catalogue.js --vus 200 --duration 30s",
                ),
            ),
            got(
                "Edit applied successfully.",
                "Tests  14 passed\n\nhttp_req_duration: p(50)=38ms p(99)=141ms\ncatalogue_loads: 3",
            ),
            agent(
                "With 200 virtual users and a TTL lowered to 10 s for the test the query ran 3 times in 30 s instead of about 600, and "
                "p99 stays at 141 ms. `refreshEarly` uses the XFetch formula: `now - delta * beta * ln(random()) >= expiry`."
            ),
            user("what happens when redis itself is down?"),
            agent(
                "Then `redis.get` rejects and the request fails, as before. I added a circuit: after three errors in a row we go to an "
                "in-process copy (60 s) and log `cache.bypassed` once a minute, so that the database sees one load per process and not one per request.",
                call(
                    "bash",
                    command="docker compose stop redis && k6 run load/catalogue.js --vus 50 --duration 10s; docker compose start redis",
                ),
            ),
            got("http_req_failed: 0.00%\nhttp_req_duration: p(99)=2.4s (first load), then 44ms"),
            agent(
                "No failed requests with Redis stopped. The first request pays for the load, the rest use the in-process copy."
            ),
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
            user(
                "We need a rate limit per customer for POST /send: 50/s with bursts to 200, shared by all instances, and a correct Retry-After. Redis is there. Keep it small."
            ),
            agent(
                "A token bucket in one Lua script, so that read, refill and take are one atomic step. State for each customer: tokens and the time of the last refill. Time comes from Redis (`TIME`), so that the instances' clocks do not matter.",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Add File: src/limits/bucket.lua\n+local now = redis.call('TIME'); now = now[1] + now[2] / 1e6\n+local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\n+local tokens = math.min(BURST, (tonumber(state[1]) or BURST) + (now - (tonumber(state[2]) or now)) * RATE)\n+local allowed = tokens >= 1\n+if allowed then tokens = tokens - 1 end\n+redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\n+redis.call('PEXPIRE', KEYS[1], 1000 * BURST / RATE)\n+return { allowed and 1 or 0, allowed and 0 or (1 - tokens) / RATE }\n*** End Patch",
                ),
                call("shell", command=["bash", "-lc", "npm test -- limits"]),
            ),
            failed(
                "AssertionError: expected Retry-After '0' to be '1'\n  at limits.test.ts:41  (a refused request says when to come back)"
            ),
            agent(
                "Lua numbers become integers on their way out of Redis: 0.02 arrives as 0. The wait has to be returned as a string and rounded up to whole seconds, since Retry-After takes only those.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "sd '\\(1 - tokens\\) / RATE \\}' 'tostring((1 - tokens) / RATE) }' src/limits/bucket.lua && npm test -- limits && npm run load -- --customers 3 --rps 300 --seconds 20",
                    ],
                ),
            ),
            got(
                "Tests 11 passed\ncustomer a: sent 6000, accepted 1199 (burst 200 + 20 s x 50), 429: 4801\ncustomer b: sent 6000, accepted 1200\ncustomer c: sent 6000, accepted 1199"
            ),
            agent(
                "Each customer got the burst of 200 and then 50 a second, over four instances. If Redis cannot be reached we let requests through and count `limits.bypassed`: a limiter that is down should not take sending with it."
            ),
            user("agree on fail-open. what does it cost per request?"),
            agent(
                "One round trip, 0.3 ms p50 and 0.9 ms p99 on staging. The key expires when the bucket is full again, so idle customers take no memory."
            ),
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
            user(
                "The Node API leaks: heapUsed goes from 180 MB to 1.1 GB in a day, then it is restarted. I have three heap snapshots in /tmp/heap (1 h apart). What holds the memory?"
            ),
            agent(
                "Comparing the second and third snapshot leaves out what start-up allocated.",
                call(
                    "Bash",
                    command="node tools/heapdiff.mjs /tmp/heap/2.heapsnapshot /tmp/heap/3.heapsnapshot --top 6",
                    description="Compare the snapshots",
                ),
            ),
            failed(
                "<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
            ),
            agent(
                "The tool itself needs more memory than Node's default.",
                call(
                    "Bash",
                    command="node --max-old-space-size=6000 tools/heapdiff.mjs /tmp/heap/2.heapsnapshot /tmp/heap/3.heapsnapshot --top 6",
                ),
            ),
            got(
                "constructor            delta count   delta size\n(closure)                 +118,204     +7.9 MB\nIncomingMessage            +14,770    +16.2 MB\nAbortSignal                +14,771     +3.1 MB\nretainers of IncomingMessage: closure onAbort <- EventTarget listeners <- AbortSignal (shutdownSignal) <- module src/http/server.js"
            ),
            agent(
                "14,770 requests are kept alive by listeners on one long-lived signal. Every request does `shutdownSignal.addEventListener('abort', …)` and never removes it; the closure holds the request.",
                call("Grep", pattern="shutdownSignal", path="src", output_mode="content"),
                thinking="{ once: true } does not help, because the event never fires until shutdown. Either remove the listener at the end of the request or use AbortSignal.any, which holds its dependents weakly.",
            ),
            got(
                "src/http/server.js:31: shutdownSignal.addEventListener('abort', () => request.destroy(), { once: true });"
            ),
            agent(
                "`{ once: true }` only removes a listener after the event, and shutdown comes once in a process's life. I remove it when the response closes:",
                call(
                    "Edit",
                    file_path="/home/dev/projects/courier/src/http/server.js",
                    old_string="shutdownSignal.addEventListener('abort', () => request.destroy(), { once: true });",
                    new_string="const onAbort = () => request.destroy();\n  shutdownSignal.addEventListener('abort', onAbort);\n  response.once('close', () => shutdownSignal.removeEventListener('abort', onAbort)); // else each request is held for ever",
                ),
                call("Bash", command="npm run soak -- --minutes 10 --rps 400"),
            ),
            got(
                "The file has been updated.",
                "requests 240,000\nheapUsed after gc: start 176 MB, 5 min 181 MB, 10 min 180 MB",
            ),
            agent(
                "Flat after 240,000 requests. Node would have warned with `MaxListenersExceededWarning`, but someone had set `setMaxListeners(0, shutdownSignal)`, which switches the warning off. I took that line out."
            ),
        ),
    ),
    Story(
        key="oom-killed",
        title="courier-worker pods OOMKilled after the node upgrade",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="courier",
        days_ago=34.4,
        turns=(
            user(
                "Since we moved to bigger k8s nodes the courier-worker pods die with OOMKilled (exit code 137) within minutes. Limit is 512Mi and nothing in the code changed."
            ),
            agent(
                "Bigger nodes and the same limit: something probably sizes itself by the number of CPUs of the node. I'll look at the pod and how the workers are started.",
                call(
                    "Bash",
                    command="kubectl describe pod -l app=courier-worker | grep -A6 'Last State' && kubectl exec deploy/courier-worker -- sh -c 'nproc; ls /proc | grep -c ^[0-9]'",
                    description="State of the pod",
                ),
                call(
                    "Grep",
                    pattern="workers|cpu_count|availableParallelism",
                    path="deploy",
                    output_mode="content",
                ),
            ),
            got(
                "    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137\n64\n71",
                "deploy/start.js:5: const workers = os.cpus().length;",
            ),
            agent(
                "`os.cpus().length` is the node's 64 cores, not the pod's limit of 2. On the old nodes it was 8, and 8 × 55 MB just fitted into 512Mi; 64 processes do not.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/courier/deploy/start.js",
                    old_string="const workers = os.cpus().length;",
                    new_string="const workers = Number(process.env.WORKERS ?? 2); // os.cpus() counts the node's cores, not the pod's",
                ),
                call(
                    "Bash",
                    command="kubectl set env deploy/courier-worker WORKERS=2 && kubectl rollout status deploy/courier-worker && sleep 300 && kubectl top pod -l app=courier-worker",
                ),
            ),
            got(
                "The file has been updated.",
                'deployment "courier-worker" successfully rolled out\nNAME                    CPU(cores)   MEMORY(bytes)\ncourier-worker-6f7-x2   310m         148Mi',
            ),
            agent(
                "148Mi and steady. Our Go services have the same trap as long as they are built with Go before 1.25: GOMAXPROCS is the node's CPU count there, too."
            ),
            user("Can we alert before the kill next time?"),
            agent(
                'Yes: `container_memory_working_set_bytes / on(pod) kube_pod_container_resource_limits{resource="memory"} > 0.9 for 5m`. Working set is what the kubelet\'s eviction looks at; RSS alone leaves out tmpfs.'
            ),
        ),
    ),
)
