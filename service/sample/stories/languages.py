"""Stories of compilers and type checkers that were right."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="generics",
        title="Type the API client so that params and response are inferred",
        source="cursor-sync",
        model="claude-sonnet-4-5",
        project="shopfront",
        days_ago=27.2,
        turns=(
            user(
                "I want `api.get('/orders/:id', { id })` to know its params from the path string and its response from our route map. "
                "Right now everything is `any`. TypeScript wizardry please, but readable."
            ),
            agent(
                "Template literal types can pull the params out of the path, and a route map gives the response. Two small types:\n\n"
                "```ts\ntype Params<Path extends string> =\n  Path extends `${string}:${infer Name}/${infer Rest}` ? Name | Params<Rest>\n"
                "  : Path extends `${string}:${infer Name}` ? Name : never;\n\nasync function get<Path extends keyof Routes & string>(\n"
                "  path: Path, params: Record<Params<Path>, string>): Promise<Routes[Path]>\n```",
                call("read_file", target_file="src/api/client.ts"),
            ),
            got(
                "export async function get(path: string, params: any = {}): Promise<any> { … }\n// 43 call sites"
            ),
            agent(
                "",
                call(
                    "edit_file",
                    target_file="src/api/client.ts",
                    code_edit="export async function get<Path extends keyof Routes & string>("
                    "path: Path, ...[params]: Args<Path>): Promise<Routes[Path]> {",
                ),
                call("run_terminal_cmd", command="pnpm tsc --noEmit"),
            ),
            failed(
                "src/account/orders.ts(18,34): error TS2345: Argument of type '{ id: number; }' is not assignable to parameter of type "
                "'Record<\"id\", string>'.\nsrc/cart/api.ts(7,22): error TS2554: Expected 2 arguments, but got 1.\nFound 2 errors in 2 files."
            ),
            agent(
                "Both are real findings. `orders.ts` passes a number, which worked by accident of string interpolation. `cart/api.ts` "
                "calls a path without params: for those the second argument should be forbidden, not `{}`. A conditional tuple does that:\n\n"
                "```ts\ntype Args<Path extends string> = [Params<Path>] extends [never] ? [] : [params: Record<Params<Path>, string | number>];\n```\n\n"
                "The brackets around `Params<Path>` matter: without them the conditional distributes over `never` and always gives `never`.",
                call("run_terminal_cmd", command="pnpm tsc --noEmit && pnpm test src/api"),
            ),
            got("Tests  22 passed (22)"),
            user("love it. why the wrapped [never] again? want to put that in the comment"),
            agent(
                "A conditional type over a naked type parameter is applied to each member of a union separately. `never` is the empty "
                "union, so there is nothing to apply it to and the result is `never`. Wrapping both sides in a one-element tuple turns "
                "distribution off, and `[never] extends [never]` is simply true."
            ),
        ),
    ),
    Story(
        key="borrow-checker",
        title="E0502 while compacting segments",
        source="pi",
        model="claude-sonnet-4-5",
        project="tidepool",
        days_ago=30.3,
        turns=(
            user(
                "error[E0502]: cannot borrow `self.index` as mutable because it is also borrowed as immutable, in Segment::compact. I could clone the keys but there are 20 million of them."
            ),
            agent("", call("bash", command="cargo check 2>&1 | head -20; sed -n 88,101p src/segment.rs")),
            got(
                "error[E0502]: cannot borrow `self.index` as mutable because it is also borrowed as immutable\n  --> src/segment.rs:93:13\n91 |     for (key, slot) in self.index.iter() {\n   |                        ----------------- immutable borrow occurs here\n92 |         if self.is_dead(slot) {\n93 |             self.index.remove(key);"
            ),
            agent(
                "The loop reads the map while its body changes it; even without the borrow checker that would be a bug, because removing can move entries under the iterator. `retain` is made for this. But its closure may not use `self` while `self.index` is borrowed, so take the field that `is_dead` needs out first:",
                call(
                    "edit",
                    path="src/segment.rs",
                    oldText="for (key, slot) in self.index.iter() {\n        if self.is_dead(slot) {\n            self.index.remove(key);",
                    newText="let Self { index, tombstones, .. } = self; // disjoint borrows, a field each\n    index.retain(|_, slot| !tombstones.contains(slot));",
                ),
                call("bash", command="cargo test segment"),
            ),
            failed(
                "test segment::compact_reports_freed_bytes ... FAILED\nassertion `left == right` failed\n  left: 0\n right: 3072"
            ),
            agent(
                "My `retain` lost the count of freed bytes that the loop kept. `freed` is a third field, so it can be borrowed beside the other two.",
                call(
                    "edit",
                    path="src/segment.rs",
                    oldText="index.retain(|_, slot| !tombstones.contains(slot));",
                    newText="index.retain(|_, slot| {\n        let dead = tombstones.contains(slot);\n        if dead { *freed += slot.len; }\n        !dead\n    });",
                ),
                call("bash", command="cargo test segment && cargo bench compact -- --quick"),
            ),
            got(
                "Edited.",
                "test result: ok. 41 passed\ncompact/20M  time: [1.312 s 1.318 s 1.327 s]  change: -61%",
            ),
            agent(
                "No clone, and 61% quicker, since nothing is looked up twice. Destructuring `self` is what lets the compiler see that the fields do not overlap; a method call like `self.is_dead(…)` borrows all of `self`."
            ),
            user("that destructuring trick is neat"),
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
            user(
                "the stars jitter and flicker when you fly far out, but only on phones. desktop gpu is fine. shader is attached in src/shaders/star.vert"
            ),
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
                '("floating origin"), split in high and low parts.\n2. **Flicker.** `mediump` in the fragment shader is 16 bits on most phones (largest value 65504) and 32 on desktop GPUs. `distance` overflows to infinity. `highp` mends it.',
                call(
                    "edit",
                    path="src/shaders/star.vert",
                    oldText="viewProjection * vec4(position, 1.0)",
                    newText="viewProjection * vec4((positionHigh - cameraHigh) + (positionLow - cameraLow), 1.0)",
                ),
                call(
                    "edit",
                    path="src/shaders/star.frag",
                    oldText="precision mediump float;",
                    newText="precision highp float;",
                ),
                call("bash", command="npm run shader-check"),
            ),
            failed("ERROR: 0:4: 'positionLow' : undeclared identifier\nstar.vert failed to compile"),
            agent(
                "The attributes must be declared and the buffer split: `high = Math.fround(x); low = x - high`.",
                call(
                    "edit",
                    path="src/shaders/star.vert",
                    oldText="attribute vec3 position;",
                    newText="attribute vec3 positionHigh;\nattribute vec3 positionLow;\nuniform vec3 cameraHigh, cameraLow;",
                ),
                call(
                    "bash",
                    command="npm run shader-check && npm run screenshots -- --device mobile --distance 1e7",
                ),
            ),
            got(
                "Edited.",
                "shaders: 6 compiled\nscreenshots: max pixel difference between frames 0.4% (was 38%)",
            ),
            user("smooth as butter. memory?"),
            agent(
                "Twelve bytes more for each star: 118,000 stars make 1.4 MB. The high parts could be shared by cell if that ever hurts."
            ),
        ),
    ),
)
