"""Stories of changes to much code at once, and of one that had to be undone."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="rebase",
        title="Get back commits lost in a rebase",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="shopfront",
        days_ago=20.2,
        turns=(
            user(
                "i did git rebase main, had conflicts everywhere, typed --skip a few times and now two days of work are gone. please tell me it's recoverable"
            ),
            agent(
                "Very likely yes: `--skip` drops commits from the branch, but the objects stay in the repository and the reflog remembers where the branch was. Please run nothing else for now.",
                call(
                    "Bash",
                    command="git status | head -3 && git reflog --date=relative -15",
                    description="Where was the branch",
                ),
            ),
            got(
                "On branch wishlist\nnothing to commit, working tree clean\ne1f00c2 HEAD@{6 minutes ago}: rebase (finish): returning to refs/heads/wishlist\ne1f00c2 HEAD@{6 minutes ago}: rebase (skip): checkout main\n"
                "9d42b77 HEAD@{14 minutes ago}: rebase (start): checkout main\nb83e5aa HEAD@{31 minutes ago}: commit: Wishlist: share by link\n40c19fe HEAD@{5 hours ago}: commit: Wishlist: reorder by drag"
            ),
            agent(
                "`b83e5aa` is your branch as it was before the rebase. First a name for it, so that nothing can collect it:",
                call(
                    "Bash",
                    command="git branch wishlist-rescued b83e5aa && git log --oneline main..wishlist-rescued && git range-diff main...wishlist main...wishlist-rescued | head",
                ),
            ),
            got(
                "b83e5aa Wishlist: share by link\n40c19fe Wishlist: reorder by drag\n77ad031 Wishlist: remove button\n1c5f9e0 Wishlist: page and route"
            ),
            agent(
                "All four commits are there. Shall I redo the rebase with you? I looked at why it conflicted everywhere: main reformatted the whole repository with Prettier in `d0a9`."
            ),
            user("yes please. how do I avoid the 40 conflicts?"),
            agent(
                "Rebase in two steps around the formatting commit: up to the commit before it, then format each of your commits, then over it taking your side.",
                call(
                    "Bash",
                    command="git switch wishlist && git reset --hard wishlist-rescued && git rebase d0a9^ && git rebase --exec 'npx prettier --write $(git diff --name-only HEAD^) && git commit -a --amend --no-edit' d0a9^ && git rebase -X theirs d0a9 && git rebase main",
                ),
            ),
            failed(
                "CONFLICT (content): Merge conflict in src/account/Menu.tsx\nerror: could not apply 40c19fe... Wishlist: reorder by drag"
            ),
            agent(
                "One real conflict: both sides add an entry to the account menu. Both stay.",
                call(
                    "Bash",
                    command="git checkout --conflict=merge src/account/Menu.tsx && npx tsx scripts/keep-both.ts src/account/Menu.tsx && git add -A && GIT_EDITOR=true git rebase --continue && pnpm test",
                ),
            ),
            got("Successfully rebased and updated refs/heads/wishlist.\nTests  418 passed"),
            agent(
                "Rebased, four commits, tests green. `wishlist-rescued` stays until you delete it. For next time: `git rebase --abort` goes back to the start at any moment, and `git reset --hard ORIG_HEAD` undoes the last finished rebase."
            ),
            user("you saved my week"),
        ),
    ),
    Story(
        key="flag-cleanup",
        title="Remove the new-checkout feature flag",
        source="codex-cli",
        model="gpt-5-codex",
        project="shopfront",
        days_ago=6.2,
        turns=(
            user(
                "`new_checkout` has been at 100% for two months. Remove the flag and the old path. Careful with the emails, they share code."
            ),
            agent(
                "I'll list every use first, in code, config, tests and translations.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "rg -n 'new_checkout|newCheckout|LegacyCheckout' --stats | tail -30",
                    ],
                ),
            ),
            got(
                "src/checkout/index.tsx:8:  if (flags.new_checkout) return <Checkout />;\nsrc/checkout/LegacyCheckout.tsx:1\nsrc/emails/receipt.ts:31:  const lines = legacyLines(order);\n"
                "src/checkout/legacy/lines.ts:3:export function legacyLines(\nflags.yaml:44:new_checkout: { rollout: 100 }\ne2e/checkout.spec.ts:12: test.use({ flags: { new_checkout: false } })\n23 matches in 9 files"
            ),
            agent(
                "As you said: `src/emails/receipt.ts` uses `legacyLines` from the old path. That function is not legacy at all, it groups order lines for printing. I'll move it to `src/orders/lines.ts` under the name `groupedLines` before deleting the folder.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "git mv src/checkout/legacy/lines.ts src/orders/lines.ts && sd 'legacyLines' 'groupedLines' $(rg -l legacyLines src) && git rm -rq src/checkout/legacy src/checkout/LegacyCheckout.tsx",
                    ],
                ),
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Update File: src/checkout/index.tsx\n-  if (flags.new_checkout) return <Checkout />;\n-  return <LegacyCheckout />;\n+  return <Checkout />;\n*** End Patch",
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "pnpm tsc --noEmit && pnpm test && pnpm playwright test checkout",
                    ],
                ),
                thinking="The order of deployment matters: if flags.yaml loses the flag first, old servers fall back to its default, false, and show the old checkout for the minutes of the rollout. So code first, flag afterwards.",
            ),
            got(
                "",
                "Success. Updated the following files:\nM src/checkout/index.tsx",
                "Tests  412 passed\n  17 passed (48.1s)",
            ),
            agent(
                "Gone: 1,140 lines, 9 files. One thing about order: do not delete the flag in the flag service before this is deployed everywhere. A running old server that no longer finds the flag takes its default, which is `false`, "
                "and would show the old checkout during the rollout. I left `flags.yaml` alone and put its removal into a second commit."
            ),
            user("good catch. ship the first one"),
            agent(
                "Pushed `remove-new-checkout-1` (code); `remove-new-checkout-2` (flag) waits for the deploy.",
                call("shell", command=["bash", "-lc", "git push -u origin remove-new-checkout-1"]),
            ),
            got("branch 'remove-new-checkout-1' set up to track 'origin/remove-new-checkout-1'."),
        ),
    ),
    Story(
        key="eslint-flat",
        title="Move to ESLint flat config",
        source="codex-cli",
        model="gpt-5-codex",
        project="shopfront",
        days_ago=15.1,
        turns=(
            user(
                "upgrade eslint to 9 and move .eslintrc.cjs to flat config. keep the same rules, don't reformat anything"
            ),
            agent(
                "I'll record what the current config resolves to for a few files, so that I can prove afterwards that the rules are the same.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "for f in src/app/layout.tsx src/api/client.ts e2e/product.spec.ts; do npx eslint --print-config $f | jq -S .rules > /tmp/before-$(basename $f).json; done",
                    ],
                ),
            ),
            got(""),
            agent(
                "",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Add File: eslint.config.js\n+import js from '@eslint/js';\n+import ts from 'typescript-eslint';\n"
                    "+import next from '@next/eslint-plugin-next';\n+export default ts.config(\n+  { ignores: ['.next/', 'coverage/'] },\n+  js.configs.recommended, "
                    "...ts.configs.recommendedTypeChecked,\n+  { languageOptions: { parserOptions: { projectService: true } } },\n+);\n*** Delete File: .eslintrc.cjs\n*** Delete File: .eslintignore\n*** End Patch",
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "pnpm add -D eslint@9 typescript-eslint @eslint/js && pnpm eslint .",
                    ],
                ),
            ),
            failed(
                "Error: Error while loading rule '@typescript-eslint/await-thenable': You have used a rule which requires type information, but don't have "
                "parserOptions set to generate type information for this file.\nOccurred while linting /home/dev/projects/shopfront/eslint.config.js"
            ),
            agent(
                "The typed rules also run on plain JavaScript files that are in no tsconfig. Those get `disableTypeChecked`.",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Update File: eslint.config.js\n+  { files: ['**/*.js'], ...ts.configs.disableTypeChecked },\n*** End Patch",
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        'pnpm eslint . && for f in layout.tsx client.ts product.spec.ts; do diff /tmp/before-$f.json <(npx eslint --print-config $(git ls-files "*$f") | jq -S .rules) | head -5; done',
                    ],
                ),
            ),
            got(
                "Success. Updated the following files:\nM eslint.config.js",
                '< "@typescript-eslint/no-throw-literal": [2]\n> "@typescript-eslint/only-throw-error": [2]',
            ),
            agent(
                "ESLint 9 runs clean. The resolved rules are the same apart from one renamed by its plugin: `no-throw-literal` is now `only-throw-error`. "
                "`.eslintignore` is no longer read by ESLint 9, so its two entries moved to `ignores`."
            ),
            user("ci still calls eslint --ext .ts,.tsx, does that matter?"),
            agent(
                "Yes, `--ext` is an error under flat config: \"Invalid option '--ext'\". Which files are linted is decided by `files` patterns now. I removed the flag from `package.json` and the workflow.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "rg -l -- '--ext' package.json .github | xargs sed -i 's/ --ext [^ ]*//' && git diff --stat",
                    ],
                ),
            ),
            got(" .github/workflows/ci.yml | 2 +-\n package.json             | 2 +-"),
        ),
    ),
)
