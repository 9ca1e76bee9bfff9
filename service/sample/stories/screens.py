"""Stories of what people see and touch: styles, layout, focus, server and client that disagree."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="hydration",
        title="Hydration mismatch on the product page price",
        source="cursor-sync",
        model="gpt-5.2",
        project="shopfront",
        days_ago=31.6,
        turns=(
            user(
                "Console on product pages: `Hydration failed because the server rendered text didn't match the client. "
                "+ 1.299,00 € - €1,299.00`. Only for visitors outside the US. What's the cleanest fix?"
            ),
            agent(
                "The server and the browser format the price with different locales. Let me see which component formats it.",
                call("codebase_search", query="where is the product price formatted with Intl.NumberFormat"),
            ),
            got(
                "src/components/Price.tsx\n  export function Price({ cents, currency }: Props) {\n"
                "    return <span>{new Intl.NumberFormat(undefined, { style: 'currency', currency }).format(cents / 100)}</span>;\n  }"
            ),
            agent(
                "`new Intl.NumberFormat(undefined, …)` takes the locale of wherever it runs: `en-US` in the Node container, the "
                "visitor's own in the browser. React 19 then throws away the server's tree. The locale has to be decided once, "
                "on the server, and passed down. `suppressHydrationWarning` would only hide it and leave the wrong text standing.",
                call(
                    "edit_file",
                    target_file="src/components/Price.tsx",
                    code_edit="export function Price({ cents, currency }: Props) {\n  const locale = useLocale(); // from the request, "
                    "see src/i18n/LocaleProvider.tsx\n  return <span>{formatPrice(cents, { currency, locale })}</span>;\n}",
                ),
                call("read_file", target_file="src/i18n/LocaleProvider.tsx"),
            ),
            got(
                "Applied.",
                "export const LocaleContext = createContext('en-US');\nexport function useLocale() { return useContext(LocaleContext); }",
            ),
            agent(
                "The provider exists, but nobody gives it a value, so everyone would see US prices. I'll feed it from "
                "`Accept-Language` in the root layout.",
                call(
                    "edit_file",
                    target_file="src/app/layout.tsx",
                    code_edit="const locale = negotiateLocale((await headers()).get('accept-language'), SUPPORTED_LOCALES);\n"
                    "<html lang={locale}><LocaleContext.Provider value={locale}>{children}</LocaleContext.Provider></html>",
                ),
                call("run_terminal_cmd", command="pnpm playwright test e2e/product.spec.ts --grep hydration"),
            ),
            got("Applied.", "Running 3 tests using 2 workers\n  3 passed (9.4s)"),
            agent(
                "Done: server and browser now format with the same locale, and the three hydration tests pass with `de-DE`, "
                "`ja-JP` and `en-US`. Dates in the order history have the same `undefined` locale; tell me if I should change "
                "them too."
            ),
            user("yes please, same thing there"),
            agent(
                "",
                call(
                    "run_terminal_cmd",
                    command="rg -n \"DateTimeFormat\\(undefined\" src | wc -l && sd 'DateTimeFormat\\(undefined' "
                    "'DateTimeFormat(locale' $(rg -l 'DateTimeFormat\\(undefined' src)",
                ),
            ),
            got("6"),
            agent(
                "Six places changed, all inside components that can call `useLocale()`. Type check and tests are green."
            ),
        ),
    ),
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
            got(
                "src/components/Badge.tsx:11:  <span className={`bg-${colour}-100 text-${colour}-800 rounded px-2`}>"
            ),
            agent(
                "That's the cause. Tailwind scans the source for complete class names; `bg-${colour}-100` never appears as `bg-green-100`, so that class is not generated. "
                "In development another page that you had opened used the literal class, which is why it looked right. The fix is a map of whole class names:",
                call(
                    "Edit",
                    file_path="/home/dev/projects/shopfront/src/components/Badge.tsx",
                    old_str="className={`bg-${colour}-100 text-${colour}-800 rounded px-2`}",
                    new_str="className={`${TONE[status]} rounded px-2`} // whole class names: Tailwind reads them from the source",
                ),
                call(
                    "Execute",
                    command="pnpm build && grep -o 'bg-\\(green\\|amber\\|red\\)-100' .next/static/css/*.css | sort -u",
                ),
            ),
            got("File edited.", "bg-amber-100\nbg-green-100\nbg-red-100"),
            agent(
                "All three are in the production CSS now. A safelist in the config would also work, but it keeps classes alive that nobody uses any more; the map is checked by TypeScript."
            ),
            user("add a lint rule so nobody does this again?"),
            agent(
                "I added a `no-restricted-syntax` rule that refuses template literals with an expression inside a Tailwind prefix (`bg-`, `text-`, `border-`).",
                call("Execute", command="pnpm eslint src --rule 'no-restricted-syntax: error' | tail -3"),
            ),
            got(
                "src/checkout/Steps.tsx\n  42:18  error  Write Tailwind classes whole; pieces are not generated\n1 problem"
            ),
            agent(
                "It found one more in `checkout/Steps.tsx` with the same fault (the progress bar has been grey too). Fixed in the same way."
            ),
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
            user(
                "On phones the toolbar at the bottom of the editor disappears behind the on-screen keyboard, and on iOS the page can be scrolled up into empty space. The editor is `height: 100vh`."
            ),
            agent(
                "`100vh` on phones is the height with the browser's bars hidden, so the page is taller than what is visible; and the keyboard shrinks the visual viewport but not the layout viewport. I'll look at the layout.",
                call("read_file", target_file="src/editor/Editor.module.css"),
            ),
            got(
                ".editor { height: 100vh; display: flex; flex-direction: column; }\n.toolbar { position: fixed; bottom: 0; }"
            ),
            agent(
                "Plan: `100dvh` instead of `100vh`, the toolbar as the last flex item instead of `position: fixed`, and `interactive-widget=resizes-content` in the viewport meta tag so that Chrome on Android resizes the page for the keyboard. "
                "Safari ignores that key, so there we set a custom property from `visualViewport.height`.",
                call(
                    "edit_file",
                    target_file="src/editor/Editor.module.css",
                    code_edit=".editor { height: var(--visible-height, 100dvh); display: flex; flex-direction: column; }\n.toolbar { padding-bottom: env(safe-area-inset-bottom); }",
                ),
                call(
                    "edit_file",
                    target_file="src/editor/useVisibleHeight.ts",
                    code_edit="const set = () => root.style.setProperty('--visible-height', `${visualViewport.height}px`);\nvisualViewport.addEventListener('resize', set);",
                ),
            ),
            got("Applied.", "Applied."),
            user(
                "android is good. iphone: toolbar is visible now but it jumps for a moment when the keyboard opens"
            ),
            agent(
                "iOS scrolls the focused field into view before it fires `resize`. Listening to `visualViewport` `scroll` as well and setting `scrollTop = 0` on the document in the same frame removes the jump; `overscroll-behavior: none` on the body stops the rubber band into empty space.",
                call(
                    "edit_file",
                    target_file="src/editor/useVisibleHeight.ts",
                    code_edit="visualViewport.addEventListener('scroll', () => requestAnimationFrame(() => window.scrollTo(0, 0)));",
                ),
                call(
                    "run_terminal_cmd",
                    command="npx playwright test e2e/editor-mobile.spec.ts --project='Mobile Safari' --project='Mobile Chrome'",
                ),
            ),
            got("Applied.", "Running 8 tests using 2 workers\n  8 passed (21.0s)"),
            agent(
                "Eight mobile tests pass. The emulator has no real keyboard, so please try once more on the phone: open a note, tap the last line, rotate."
            ),
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
            user(
                "Accessibility audit says: 'Focus is not contained in the Share dialog; after closing it, focus is lost to the body.' We wrote the trap ourselves. Fix or replace?"
            ),
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
                call(
                    "edit",
                    filePath="/home/dev/projects/notewell/src/share/ShareDialog.tsx",
                    oldString='<FocusTrap><div role="dialog">',
                    newString='<dialog ref={dialog} aria-labelledby="share-title" onClose={onClose}>',
                ),
                call("bash", command="npm test -- share"),
            ),
            failed(
                "TypeError: dialog.current.showModal is not a function\n    at ShareDialog (src/share/ShareDialog.tsx:24:18)\n  jsdom 22.1.0 does not implement HTMLDialogElement.showModal"
            ),
            agent(
                "jsdom has no `showModal`. Rather than pretend one, these tests belong in a browser anyway: focus is exactly what jsdom cannot tell. I'll move the four dialog tests to Playwright.",
                call(
                    "bash",
                    command="git mv src/share/ShareDialog.test.tsx e2e/share-dialog.spec.ts && npx playwright test e2e/share-dialog.spec.ts",
                ),
            ),
            got(
                "  ✓ keeps Tab inside the dialog, also after the people list has loaded\n  ✓ Shift+Tab from the first control reaches the last\n  ✓ Escape closes and returns focus to the Share button\n  ✓ the page behind is inert to screen readers\n  4 passed (6.2s)"
            ),
            agent(
                "All four claims hold. `DeleteDialog` moved over too, and `FocusTrap.tsx` is gone (87 lines less). axe reports no violations on either dialog."
            ),
        ),
    ),
)
