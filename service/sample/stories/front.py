"""Stories about what people see and touch: styles, layout, focus, flags, pixels."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="tailwind-purge",
        title="Badge colours missing in production",
        source="factory-droid",
        model="claude-sonnet-4-5",
        project="shopfront",
        days_ago=14.2,
        turns=(
            user("Status badges are grey in production and coloured on my machine. Same commit. What gives?"),
            agent(
                "Different CSS from the same commit smells like unused classes being dropped from the production build. Let me see how the badge picks its class.",
                call("Grep", pattern="bg-\\$\\{", path="/home/dev/projects/shopfront/src"),
            ),
            got("src/components/Badge.tsx:11:  <span className={`bg-${colour}-100 text-${colour}-800 rounded px-2`}>"),
            agent(
                "That's the cause. Tailwind scans the source for complete class names; `bg-${colour}-100` never appears as `bg-green-100`, so that class is not generated. "
                "In development another page that you had opened used the literal class, which is why it looked right. The fix is a map of whole class names:",
                call(
                    "Edit",
                    file_path="/home/dev/projects/shopfront/src/components/Badge.tsx",
                    old_str="className={`bg-${colour}-100 text-${colour}-800 rounded px-2`}",
                    new_str="className={`${TONE[status]} rounded px-2`} // whole class names: Tailwind reads them from the source",
                ),
                call("Execute", command="pnpm build && grep -o 'bg-\\(green\\|amber\\|red\\)-100' .next/static/css/*.css | sort -u"),
            ),
            got("File edited.", "bg-amber-100\nbg-green-100\nbg-red-100"),
            agent("All three are in the production CSS now. A safelist in the config would also work, but it keeps classes alive that nobody uses any more; the map is checked by TypeScript."),
            user("add a lint rule so nobody does this again?"),
            agent(
                "I added a `no-restricted-syntax` rule that refuses template literals with an expression inside a Tailwind prefix (`bg-`, `text-`, `border-`).",
                call("Execute", command="pnpm eslint src --rule 'no-restricted-syntax: error' | tail -3"),
            ),
            got("src/checkout/Steps.tsx\n  42:18  error  Write Tailwind classes whole; pieces are not generated\n1 problem"),
            agent("It found one more in `checkout/Steps.tsx` with the same fault (the progress bar has been grey too). Fixed in the same way."),
        ),
    ),
    Story(
        key="mobile-viewport",
        title="Note editor hidden behind the keyboard on phones",
        source="cursor-sync",
        model="gpt-5.2",
        project="notewell",
        days_ago=7.4,
        turns=(
            user("On phones the toolbar at the bottom of the editor disappears behind the on-screen keyboard, and on iOS the page can be scrolled up into empty space. The editor is `height: 100vh`."),
            agent(
                "`100vh` on phones is the height with the browser's bars hidden, so the page is taller than what is visible; and the keyboard shrinks the visual viewport but not the layout viewport. I'll look at the layout.",
                call("read_file", target_file="src/editor/Editor.module.css"),
            ),
            got(".editor { height: 100vh; display: flex; flex-direction: column; }\n.toolbar { position: fixed; bottom: 0; }"),
            agent(
                "Plan: `100dvh` instead of `100vh`, the toolbar as the last flex item instead of `position: fixed`, and `interactive-widget=resizes-content` in the viewport meta tag so that Chrome on Android resizes the page for the keyboard. "
                "Safari ignores that key, so there we set a custom property from `visualViewport.height`.",
                call("edit_file", target_file="src/editor/Editor.module.css", code_edit=".editor { height: var(--visible-height, 100dvh); display: flex; flex-direction: column; }\n.toolbar { padding-bottom: env(safe-area-inset-bottom); }"),
                call("edit_file", target_file="src/editor/useVisibleHeight.ts", code_edit="const set = () => root.style.setProperty('--visible-height', `${visualViewport.height}px`);\nvisualViewport.addEventListener('resize', set);"),
            ),
            got("Applied.", "Applied."),
            user("android is good. iphone: toolbar is visible now but it jumps for a moment when the keyboard opens"),
            agent(
                "iOS scrolls the focused field into view before it fires `resize`. Listening to `visualViewport` `scroll` as well and setting `scrollTop = 0` on the document in the same frame removes the jump; `overscroll-behavior: none` on the body stops the rubber band into empty space.",
                call("edit_file", target_file="src/editor/useVisibleHeight.ts", code_edit="visualViewport.addEventListener('scroll', () => requestAnimationFrame(() => window.scrollTo(0, 0)));"),
                call("run_terminal_cmd", command="npx playwright test e2e/editor-mobile.spec.ts --project='Mobile Safari' --project='Mobile Chrome'"),
            ),
            got("Applied.", "Running 8 tests using 2 workers\n  8 passed (21.0s)"),
            agent("Eight mobile tests pass. The emulator has no real keyboard, so please try once more on the phone: open a note, tap the last line, rotate."),
            user("perfect"),
        ),
    ),
    Story(
        key="focus-trap",
        title="Focus escapes the share dialog",
        source="opencode",
        model="claude-sonnet-4-5",
        project="notewell",
        days_ago=2.3,
        turns=(
            user("Accessibility audit says: 'Focus is not contained in the Share dialog; after closing it, focus is lost to the body.' We wrote the trap ourselves. Fix or replace?"),
            agent(
                "Let me read the trap before deciding.",
                call("read", filePath="/home/dev/projects/notewell/src/ui/FocusTrap.tsx"),
                call("grep", pattern="FocusTrap", path="src"),
            ),
            got(
                "const focusable = ref.current.querySelectorAll('button, input, a');\n// on Tab from the last one: focusable[0].focus()",
                "src/ui/FocusTrap.tsx\nsrc/share/ShareDialog.tsx\nsrc/settings/DeleteDialog.tsx",
            ),
            agent(
                "It collects the focusable elements once, on mount. The share dialog loads its people list afterwards, so the list's buttons are not in the set and Tab leaves through them. It also forgets `select`, `textarea`, `[tabindex]` and disabled buttons, and never gives the focus back.\n\n"
                "Replace it: the native `<dialog>` with `showModal()` makes the rest of the page inert, closes on Escape and restores focus to what opened it, without code of ours.",
                call("edit", filePath="/home/dev/projects/notewell/src/share/ShareDialog.tsx", oldString="<FocusTrap><div role=\"dialog\">", newString="<dialog ref={dialog} aria-labelledby=\"share-title\" onClose={onClose}>"),
                call("bash", command="npm test -- share"),
            ),
            failed("TypeError: dialog.current.showModal is not a function\n    at ShareDialog (src/share/ShareDialog.tsx:24:18)\n  jsdom 22.1.0 does not implement HTMLDialogElement.showModal"),
            agent(
                "jsdom has no `showModal`. Rather than pretend one, these tests belong in a browser anyway: focus is exactly what jsdom cannot tell. I'll move the four dialog tests to Playwright.",
                call("bash", command="git mv src/share/ShareDialog.test.tsx e2e/share-dialog.spec.ts && npx playwright test e2e/share-dialog.spec.ts"),
            ),
            got("  ✓ keeps Tab inside the dialog, also after the people list has loaded\n  ✓ Shift+Tab from the first control reaches the last\n  ✓ Escape closes and returns focus to the Share button\n  ✓ the page behind is inert to screen readers\n  4 passed (6.2s)"),
            agent("All four claims hold. `DeleteDialog` moved over too, and `FocusTrap.tsx` is gone (87 lines less). axe reports no violations on either dialog."),
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
            user("`new_checkout` has been at 100% for two months. Remove the flag and the old path. Careful with the emails, they share code."),
            agent(
                "I'll list every use first, in code, config, tests and translations.",
                call("shell", command=["bash", "-lc", "rg -n 'new_checkout|newCheckout|LegacyCheckout' --stats | tail -30"]),
            ),
            got(
                "src/checkout/index.tsx:8:  if (flags.new_checkout) return <Checkout />;\nsrc/checkout/LegacyCheckout.tsx:1\nsrc/emails/receipt.ts:31:  const lines = legacyLines(order);\n"
                "src/checkout/legacy/lines.ts:3:export function legacyLines(\nflags.yaml:44:new_checkout: { rollout: 100 }\ne2e/checkout.spec.ts:12: test.use({ flags: { new_checkout: false } })\n23 matches in 9 files"
            ),
            agent(
                "As you said: `src/emails/receipt.ts` uses `legacyLines` from the old path. That function is not legacy at all, it groups order lines for printing. I'll move it to `src/orders/lines.ts` under the name `groupedLines` before deleting the folder.",
                call("shell", command=["bash", "-lc", "git mv src/checkout/legacy/lines.ts src/orders/lines.ts && sd 'legacyLines' 'groupedLines' $(rg -l legacyLines src) && git rm -rq src/checkout/legacy src/checkout/LegacyCheckout.tsx"]),
                call("apply_patch", input="*** Begin Patch\n*** Update File: src/checkout/index.tsx\n-  if (flags.new_checkout) return <Checkout />;\n-  return <LegacyCheckout />;\n+  return <Checkout />;\n*** End Patch"),
                call("shell", command=["bash", "-lc", "pnpm tsc --noEmit && pnpm test && pnpm playwright test checkout"]),
                thinking="The order of deployment matters: if flags.yaml loses the flag first, old servers fall back to its default, false, and show the old checkout for the minutes of the rollout. So code first, flag afterwards.",
            ),
            got("", "Success. Updated the following files:\nM src/checkout/index.tsx", "Tests  412 passed\n  17 passed (48.1s)"),
            agent(
                "Gone: 1,140 lines, 9 files. One thing about order: do not delete the flag in the flag service before this is deployed everywhere. A running old server that no longer finds the flag takes its default, which is `false`, "
                "and would show the old checkout during the rollout. I left `flags.yaml` alone and put its removal into a second commit."
            ),
            user("good catch. ship the first one"),
            agent("Pushed `remove-new-checkout-1` (code); `remove-new-checkout-2` (flag) waits for the deploy.", call("shell", command=["bash", "-lc", "git push -u origin remove-new-checkout-1"])),
            got("branch 'remove-new-checkout-1' set up to track 'origin/remove-new-checkout-1'."),
        ),
    ),
    Story(
        key="webgl-precision",
        title="Stars flicker far from the origin on phones",
        source="pi",
        model="claude-opus-4-5",
        project="starmap",
        days_ago=8.6,
        turns=(
            user("the stars jitter and flicker when you fly far out, but only on phones. desktop gpu is fine. shader is attached in src/shaders/star.vert"),
            agent(
                "Jitter that grows with the distance from the origin, and worse on phones, is float precision. I'll read both shaders.",
                call("read", path="src/shaders/star.vert"),
                call("read", path="src/shaders/star.frag"),
            ),
            got(
                "attribute vec3 position;\nuniform mat4 viewProjection;\nvoid main() { gl_Position = viewProjection * vec4(position, 1.0); gl_PointSize = size; }",
                "precision mediump float;\nvarying float distance;\nvoid main() { float glow = exp(-distance * 0.0001); gl_FragColor = vec4(glow); }",
            ),
            agent(
                "Two separate faults:\n\n1. **Jitter.** World positions go up to 1e7; a 32-bit float has about 7 digits, so near 1e7 a vertex can only move in steps of 1. The subtraction of the camera position has to happen in double precision on the CPU: upload positions relative to the camera's cell "
                "(\"floating origin\"), split in high and low parts.\n2. **Flicker.** `mediump` in the fragment shader is 16 bits on most phones (largest value 65504) and 32 on desktop GPUs. `distance` overflows to infinity. `highp` mends it.",
                call("edit", path="src/shaders/star.vert", oldText="viewProjection * vec4(position, 1.0)", newText="viewProjection * vec4((positionHigh - cameraHigh) + (positionLow - cameraLow), 1.0)"),
                call("edit", path="src/shaders/star.frag", oldText="precision mediump float;", newText="precision highp float;"),
                call("bash", command="npm run shader-check"),
            ),
            failed("ERROR: 0:4: 'positionLow' : undeclared identifier\nstar.vert failed to compile"),
            agent(
                "The attributes must be declared and the buffer split: `high = Math.fround(x); low = x - high`.",
                call("edit", path="src/shaders/star.vert", oldText="attribute vec3 position;", newText="attribute vec3 positionHigh;\nattribute vec3 positionLow;\nuniform vec3 cameraHigh, cameraLow;"),
                call("bash", command="npm run shader-check && npm run screenshots -- --device mobile --distance 1e7"),
            ),
            got("Edited.", "shaders: 6 compiled\nscreenshots: max pixel difference between frames 0.4% (was 38%)"),
            user("smooth as butter. memory?"),
            agent("Twelve bytes more for each star: 118,000 stars make 1.4 MB. The high parts could be shared by cell if that ever hurts."),
        ),
    ),
)
