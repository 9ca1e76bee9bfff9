"""Stories of builds, caches and dependencies."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="docker-cache",
        title="Docker build reinstalls all dependencies on every commit",
        source="opencode",
        model="claude-sonnet-4-5",
        project="fleet-infra",
        days_ago=36.2,
        turns=(
            user(
                "Image builds take 11 minutes in CI although only app code changes. pip install runs every single time. Dockerfile is in images/api."
            ),
            agent("", call("read", filePath="/home/dev/projects/fleet-infra/images/api/Dockerfile")),
            got(
                'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nARG GIT_SHA\nENV GIT_SHA=$GIT_SHA\nCMD ["gunicorn", "app:app"]'
            ),
            agent(
                "`COPY . .` comes before `pip install`, so any changed file makes the layer cache miss for the installation. Copy only what the installation reads first; the code afterwards; and what changes with every commit (`GIT_SHA`) last.",
                call(
                    "edit",
                    filePath="/home/dev/projects/fleet-infra/images/api/Dockerfile",
                    oldString="COPY . .\nRUN pip install -r requirements.txt\n",
                    newString="COPY requirements.txt .\nRUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt\nCOPY . .\n",
                ),
                call(
                    "bash",
                    command="cd images/api && docker build -q . && touch app.py && time docker build -q .",
                ),
            ),
            got("Edit applied successfully.", "sha256:41be…\nsha256:9c07…\nreal 0m3.912s"),
            user("locally great, in CI still 11 minutes"),
            agent(
                "CI runners start empty: there is no local layer cache to hit. BuildKit can keep it in the registry.",
                call(
                    "edit",
                    filePath="/home/dev/projects/fleet-infra/.github/workflows/image.yml",
                    oldString="docker build -t $IMAGE .",
                    newString="docker buildx build --push -t $IMAGE --cache-from type=registry,ref=$CACHE --cache-to type=registry,ref=$CACHE,mode=max .",
                ),
                call("bash", command="gh workflow run image.yml && gh run watch --exit-status"),
            ),
            failed(
                "ERROR: Cache export is not supported for the docker driver.\nSwitch to a different driver, or turn on the containerd image store, and try again."
            ),
            agent(
                "The default `docker` driver cannot export a cache. `docker/setup-buildx-action` makes a builder of the `docker-container` kind, which can.",
                call(
                    "edit",
                    filePath="/home/dev/projects/fleet-infra/.github/workflows/image.yml",
                    oldString="    steps:\n",
                    newString="    steps:\n      - uses: docker/setup-buildx-action@v3\n",
                ),
                call(
                    "bash",
                    command="gh workflow run image.yml && gh run watch --exit-status && gh run list -w image.yml -L 2",
                ),
            ),
            got(
                "Edit applied successfully.",
                "✓ main image.yml  11m02s (cache filled)\n✓ main image.yml  1m17s",
            ),
            agent(
                "11 minutes to fill the cache, 77 seconds from then on. `mode=max` also caches the layers of earlier stages; without it only the final image's layers are kept."
            ),
        ),
    ),
    Story(
        key="ci-cache",
        title="CI passes with a poisoned dependency cache",
        source="gemini-cli",
        model="gemini-2.5-pro",
        project="fleet-infra",
        days_ago=3.2,
        turns=(
            user(
                "A pull request that removed lodash from package.json passed CI and broke main after the merge. How could the tests find lodash?"
            ),
            agent(
                "Something brought an old `node_modules` into the job. I will look at the cache step.",
                call("search_file_content", pattern="actions/cache", path=".github/workflows"),
                call("run_shell_command", command="sed -n 20,36p .github/workflows/test.yml"),
            ),
            got(
                ".github/workflows/test.yml:21: - uses: actions/cache@v4",
                "      - uses: actions/cache@v4\n        with:\n          path: node_modules\n          key: deps-${{ runner.os }}-${{ hashFiles('package-lock.json') }}\n          restore-keys: deps-${{ runner.os }}-\n      - run: npm install --prefer-offline",
            ),
            agent(
                "Three faults that add up:\n\n1. `restore-keys` takes any older `node_modules` when the exact key misses;\n2. `npm install` adds what is missing but lodash stays in the restored folder when something else once hoisted it;\n3. the result is then saved under the *new* lockfile's key, so the poisoned folder is served to every later run, main included.\n\n"
                "Cache npm's download folder (`~/.npm`), which is addressed by content, and let `npm ci` build `node_modules` from nothing.",
                call(
                    "replace",
                    file_path=".github/workflows/test.yml",
                    old_string="          path: node_modules\n",
                    new_string="          path: ~/.npm\n",
                ),
                call(
                    "replace",
                    file_path=".github/workflows/test.yml",
                    old_string="npm install --prefer-offline",
                    new_string="npm ci --prefer-offline",
                ),
                call(
                    "run_shell_command",
                    command="gh cache delete --all && gh workflow run test.yml --ref remove-lodash && gh run watch --exit-status",
                ),
            ),
            failed(
                "X remove-lodash test.yml\n  Error: Cannot find module 'lodash'\n  Require stack: src/reports/group.js\n  Process completed with exit code 1"
            ),
            agent(
                "Now CI fails as it should have: `src/reports/group.js` still needs lodash. One use of `groupBy`, which `Object.groupBy` replaces.",
                call(
                    "replace",
                    file_path="src/reports/group.js",
                    old_string="const { groupBy } = require('lodash');\nreturn groupBy(rows, 'team');",
                    new_string="return Object.groupBy(rows, (row) => row.team);",
                ),
                call(
                    "run_shell_command",
                    command="gh workflow run test.yml --ref remove-lodash && gh run watch --exit-status",
                ),
            ),
            got("Successfully modified file: src/reports/group.js", "✓ remove-lodash test.yml  1m48s"),
            agent(
                "Green for the right reason. The install takes 14 s longer than with the cached folder; that is the price of a folder that nobody can poison."
            ),
            user("worth it. same pattern in the other repos?"),
            agent(
                "",
                call(
                    "run_shell_command",
                    command="gh search code 'path: node_modules' --owner fleet --extension yml --json repository,path",
                ),
            ),
            got("courier/.github/workflows/ci.yml\nnotewell/.github/workflows/e2e.yml"),
            agent("Two more, courier and notewell, in the same form. I can open pull requests for both."),
        ),
    ),
    Story(
        key="nightly-run",
        title="Nightly: update dependencies and open a pull request",
        source="claude-code",
        model="claude-haiku-4-5",
        project="fleet-infra",
        days_ago=1.1,
        kind="run",
        turns=(
            user(
                "Update all minor and patch versions, run the tests of each package, leave out what fails, and summarise for the pull request."
            ),
            agent(
                "",
                call(
                    "Bash",
                    command="npx npm-check-updates --target minor --jsonUpgraded",
                    description="What can be updated",
                ),
            ),
            got('{"undici":"^7.16.0","zod":"^4.1.12","pino":"^9.14.0","parcelq":"^5.63.0"}'),
            agent(
                "Four candidates. I'll take them one at a time, so that a failure names its package.",
                call(
                    "Bash",
                    command='for p in undici zod pino parcelq; do npx npm-check-updates -u --target minor $p && npm i --silent && npm test --silent && git commit -qam "Update $p" || git checkout -q .; done',
                ),
            ),
            failed(
                "undici ok\nzod ok\npino ok\nparcelq FAIL queue.test.ts > retries with backoff\n  expected delay 2000, received 1000\nexit code 1"
            ),
            agent(
                "",
                call(
                    "Bash",
                    command="npm view parcelq@5.63.0 --json | head -3; npx changelog parcelq 5.58..5.63 | grep -i -A2 backoff",
                ),
            ),
            got("5.60.0: **backoff** jitter option; the first retry now waits `delay`, not `delay * 2`"),
            agent(
                "Updated: undici, zod, pino. Left out: parcelq 5.63, because since 5.60 the first retry waits `delay` instead of twice that and our queue counts on the old behaviour. That needs a decision by a person: double our `delay`, or accept quicker retries."
            ),
        ),
    ),
)
