"""Stories of signing in, being let in, and what must not get out."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="oauth-loop",
        title="OAuth login loops between callback and sign-in",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="shopfront",
        days_ago=41.3,
        turns=(
            user(
                "After signing in with the identity provider people end up on /login again, and again. It started with "
                "yesterday's deploy. In Safari it happens every time, in Firefox only sometimes. Can you find out why?"
            ),
            agent(
                "A redirect loop right after the callback usually means that the session cookie is not there on the next "
                "request. I'll read the callback handler and how the cookie is set.",
                call("Read", file_path="/home/dev/projects/shopfront/src/auth/callback.ts"),
                call("Grep", pattern="sameSite|SameSite", path="src", output_mode="content"),
            ),
            got(
                "12  export async function handleCallback(req: Request) {\n13    const tokens = await exchangeCode(req.url);\n"
                '14    const session = await createSession(tokens);\n15    return redirect("/account", {\n'
                '16      headers: { "Set-Cookie": serializeSession(session) },\n17    });\n18  }',
                'src/auth/cookie.ts:9:  sameSite: "strict",\nsrc/cart/cookie.ts:4:  sameSite: "lax",',
            ),
            agent(
                "Here it is: `src/auth/cookie.ts` sets `SameSite=Strict`. The navigation to /account was started by the "
                "identity provider's site, so the browser treats the whole redirect chain as cross-site and leaves a strict "
                "cookie out. /account sees no session, sends the person to /login, the provider still has its own session and "
                "sends them straight back: a loop. `Lax` is sent on top-level GET navigations.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/shopfront/src/auth/cookie.ts",
                    old_string='sameSite: "strict",',
                    new_string='sameSite: "lax", // strict is not sent when the identity provider redirects back',
                ),
                thinking="Why only sometimes in Firefox? It may depend on whether the provider page was already open, so that "
                "there was no user interaction on our site. Either way the chain starts cross-site.",
            ),
            got("The file src/auth/cookie.ts has been updated."),
            agent("", call("Bash", command="pnpm test src/auth", description="Run the auth tests")),
            failed(
                " FAIL  src/auth/cookie.test.ts > session cookie > is strict\nAssertionError: expected 'lax' to be 'strict'\n"
                " Test Files  1 failed | 3 passed (4)"
            ),
            agent(
                "One test pins the old value. It was written together with the change that caused the loop, so I'll turn it "
                "into the claim that matters: the cookie must survive a redirect from another site.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/shopfront/src/auth/cookie.test.ts",
                    old_string='it("is strict", () => expect(cookie.sameSite).toBe("strict"));',
                    new_string='it("is sent after a redirect from the identity provider", () => expect(cookie.sameSite).toBe("lax"));',
                ),
                call("Bash", command="pnpm test src/auth", description="Run the auth tests again"),
            ),
            got(
                "The file src/auth/cookie.test.ts has been updated.",
                " Test Files  4 passed (4)\n      Tests  31 passed (31)",
            ),
            user("works in safari now, thanks. do we lose csrf protection with lax?"),
            agent(
                "For state-changing requests no: `Lax` leaves the cookie out of cross-site POST, PUT and DELETE, and our forms "
                "carry a CSRF token besides. What Lax does allow is a cross-site GET with the cookie, so keep GET handlers free "
                "of side effects. `/logout` is a GET today; I would make it a POST in a follow-up."
            ),
        ),
    ),
    Story(
        key="cors-preflight",
        title="CORS preflight answers 401",
        source="gemini-cli",
        model="gemini-2.5-pro",
        project="ledger-api",
        days_ago=19.2,
        turns=(
            user(
                "The new dashboard at https://dash.example.test cannot call the API: 'Response to preflight request doesn't pass access control check: It does not have HTTP ok status.' CORSMiddleware is installed."
            ),
            agent(
                "The preflight (OPTIONS) is a request without credentials. If authentication answers it before the CORS middleware, the browser sees 401. I will check the order of the middlewares.",
                call("search_file_content", pattern="add_middleware", path="app"),
                call(
                    "run_shell_command",
                    command="curl -si -X OPTIONS localhost:8000/entries -H 'Origin: https://dash.example.test' -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization' | head -5",
                ),
            ),
            got(
                "app/main.py:18: app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_credentials=True)\napp/main.py:19: app.add_middleware(AuthMiddleware)",
                "HTTP/1.1 401 Unauthorized\ncontent-type: application/json",
            ),
            agent(
                "Confirmed. In Starlette the middleware added last is the outermost, so AuthMiddleware runs first and refuses the OPTIONS request. I will swap the two lines, and name the allowed headers: with credentials a `*` is taken literally.",
                call(
                    "replace",
                    file_path="app/main.py",
                    old_string="app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_credentials=True)\napp.add_middleware(AuthMiddleware)",
                    new_string="app.add_middleware(AuthMiddleware)\napp.add_middleware(  # last, so outermost: a preflight carries no credentials\n    CORSMiddleware, allow_origins=settings.origins, allow_credentials=True, allow_methods=['*'], allow_headers=['Authorization', 'Content-Type']\n)",
                ),
                call(
                    "run_shell_command",
                    command="curl -si -X OPTIONS localhost:8000/entries -H 'Origin: https://dash.example.test' -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization' | head -5",
                ),
            ),
            got(
                "Successfully modified file: app/main.py",
                "HTTP/1.1 200 OK\naccess-control-allow-origin: https://dash.example.test\naccess-control-allow-credentials: true\naccess-control-allow-headers: Authorization, Content-Type",
            ),
            agent(
                "The preflight passes. A side effect worth having: error responses now carry CORS headers too, so the dashboard can read a 401 instead of seeing a network error."
            ),
            user("nice, that explains the weird 'network error' toasts as well"),
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
            user(
                "About 0.3% of calls fail with `JsonWebTokenError: jwt not active` / 'token used before issued'. It's random. Same token works a second later."
            ),
            agent(
                "A token that is valid one second later points to clocks: the issuer's is ahead of the verifier's. Let me look at verification and at the clocks.",
                call("Grep", pattern="jwt.verify", path="/home/dev/projects/courier/src"),
                call(
                    "Execute",
                    command='for h in auth-1 api-1 api-2 api-3; do ssh $h \'printf "%s " $(hostname); chronyc tracking | grep "System time"\'; done',
                ),
            ),
            got(
                "src/auth/verify.ts:17: jwt.verify(token, key, { algorithms: ['RS256'], audience: 'courier' })",
                "auth-1 System time     : 0.000021 seconds slow of NTP time\napi-1 System time     : 0.000108 seconds fast of NTP time\napi-2 System time     : 1.904410 seconds slow of NTP time\napi-3 System time     : 0.000067 seconds slow of NTP time",
            ),
            agent(
                'api-2 is 1.9 s behind: it does not synchronise. So a token issued `now` is from the future there for two seconds. Two fixes: the clock (the cause), and a leeway, which RFC 7519 explicitly allows for `exp` and `nbf`: "some small leeway, usually no more than a few minutes".',
                call(
                    "Edit",
                    file_path="/home/dev/projects/courier/src/auth/verify.ts",
                    old_str="audience: 'courier' }",
                    new_str="audience: 'courier', clockTolerance: 10 } // seconds: hosts' clocks differ",
                ),
                call("Execute", command="ssh api-2 'sudo systemctl status chronyd | head -4'"),
            ),
            failed(
                "× chronyd.service - NTP client/server\n   Active: failed (Result: exit-code)\n   chronyd: Could not open /var/lib/chrony/drift: Permission denied"
            ),
            agent(
                "chronyd has been down on api-2 since the last image build: the drift file belongs to root. The image's build script has to `chown` it; until then:",
                call(
                    "Execute",
                    command="ssh api-2 'sudo chown chrony: /var/lib/chrony/drift && sudo systemctl restart chronyd && sleep 5 && chronyc tracking | grep \"System time\"'",
                ),
            ),
            got("System time     : 0.000411 seconds fast of NTP time"),
            agent(
                "In step again. I added an alert on `abs(node_timex_offset_seconds) > 0.1`, which would have shown this a week ago. The tolerance of 10 s stays as a belt to the braces."
            ),
        ),
    ),
    Story(
        key="log-redaction",
        title="Keep IBANs and tokens out of the logs",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="ledger-api",
        days_ago=4.5,
        turns=(
            user(
                "Auditors found account numbers and a bearer token in our logs. I want redaction in one place, and a test that fails if something slips through."
            ),
            agent(
                "Where do they come from? Let me look at what gets logged on errors.",
                call(
                    "Grep",
                    pattern="log(ger)?\\.(info|warning|error|exception)\\(",
                    path="app",
                    output_mode="count",
                ),
                call("Read", file_path="/home/dev/projects/ledger-api/app/logging.py"),
            ),
            got(
                "app/transfers/service.py:4\napp/imports/jobs.py:7\napp/http.py:3",
                "structlog.configure(processors=[add_log_level, TimeStamper(), format_exc_info, JSONRenderer()])",
            ),
            agent(
                "Two sources: `http.py` logs request headers on a 5xx, and exceptions from psycopg carry the row in `DETAIL: Failing row contains (…)`. I'd do three things:\n\n1. never log headers or bodies, only method, route template and status;\n2. a structlog processor as the last before the renderer that masks what looks like an IBAN (with a valid mod-97 check digit), a bearer token or a JWT in any string, nested too;\n3. for psycopg errors log `sqlstate` and `constraint_name`, not the message.",
                call(
                    "Write",
                    file_path="/home/dev/projects/ledger-api/app/redaction.py",
                    content='def redact(_, __, event):\n    """Mask IBANs, bearer tokens and JWTs in every string of an event. Runs last before the renderer."""\n    return {key: masked(value) for key, value in event.items()}\n',
                ),
                call("Bash", command="pytest tests/test_redaction.py -q"),
            ),
            failed(
                "FAILED tests/test_redaction.py::test_it_masks_inside_tracebacks\nAssertionError: 'DE00****' not found; the exception text still holds the account number"
            ),
            agent(
                "`format_exc_info` comes after the redactor in the list, so a traceback is rendered too late to be masked. The order must be: exception formatting, redaction, JSON.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/ledger-api/app/logging.py",
                    old_string="processors=[add_log_level, TimeStamper(), format_exc_info, JSONRenderer()]",
                    new_string="processors=[add_log_level, TimeStamper(), format_exc_info, redact, JSONRenderer()]",
                ),
                call(
                    "Bash",
                    command="pytest tests/test_redaction.py -q && python -m scripts.replay_requests --grep-logs 'DE[0-9]{20}|Bearer '",
                ),
            ),
            got("The file has been updated.", "9 passed\n5,000 requests replayed, 0 matching log lines"),
            agent(
                "Nothing slips through in 5,000 replayed requests. The check digit keeps order numbers that merely look like an IBAN readable."
            ),
        ),
    ),
)
