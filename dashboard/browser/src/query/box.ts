/**
 * The query box in the place of a `<textarea data-query>`. It stands in a shadow root, where the
 * editor's styles are constructed sheets, which a strict content security policy allows; the text
 * box stays, hidden, and is what the form sends.
 */

import { acceptCompletion, autocompletion, closeCompletion, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewline } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { forEachDiagnostic, linter, lintKeymap, setDiagnosticsEffect, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";

import { say } from "../strings";
import { check, diagnostics } from "./check";
import { appearance } from "./colours";
import { source } from "./completion";

const CHECK_AFTER_MS = 350;
const COMPLETE_AFTER_MS = 120;

export class Box {
  readonly #text: HTMLTextAreaElement;
  readonly #help: HTMLElement | null;
  readonly #example: string;
  readonly #view: EditorView;
  readonly #state = new Compartment();
  #asked: AbortController | undefined;

  constructor(text: HTMLTextAreaElement) {
    this.#text = text;
    this.#help = text.closest(".query")?.querySelector(".query-help") ?? null;
    this.#example = this.#help?.innerHTML ?? "";
    const host = document.createElement("div");
    host.className = "query-box";
    const root = host.attachShadow({ mode: "open" });
    host.focus = () => this.#view.focus();
    // Whoever looks for the search box finds what can be typed in.
    if ("search" in text.dataset) {
      delete text.dataset["search"];
      host.dataset["search"] = "";
    }
    this.#view = new EditorView({ root, parent: root, state: this.#begin() });
    text.after(host);
    text.hidden = true;
    text.form?.addEventListener("reset", () => this.#replace(text.defaultValue));
    if (document.activeElement === text) this.#view.focus();
  }

  #begin(): EditorState {
    const label = this.#text.labels?.[0]?.textContent?.trim() ?? this.#text.name;
    return EditorState.create({
      doc: this.#text.value,
      extensions: [
        history(),
        bracketMatching(),
        EditorView.lineWrapping,
        appearance,
        autocompletion({
          override: [source(document.documentElement.lang)],
          activateOnTypingDelay: COMPLETE_AFTER_MS,
          // Enter searches, unless somebody went into the list.
          selectOnOpen: false,
          interactionDelay: 0,
          icons: false,
        }),
        linter((view) => this.#check(view), { delay: CHECK_AFTER_MS }),
        Prec.highest(
          keymap.of([
            { key: "Mod-Enter", run: () => this.#send() },
            { key: "Enter", run: (view) => acceptCompletion(view) || this.#send() },
            { key: "Shift-Enter", run: insertNewline },
          ]),
        ),
        keymap.of([...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
        EditorView.contentAttributes.of({
          "aria-label": label,
          "aria-multiline": "true",
          autocapitalize: "off",
          autocorrect: "off",
          spellcheck: "false",
        }),
        this.#state.of([]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) this.#text.value = update.state.doc.toString();
          if (completionStatus(update.state) !== null) this.#makeRoom();
          if (update.transactions.some((each) => each.effects.some((effect) => effect.is(setDiagnosticsEffect)))) {
            this.#tell();
          }
        }),
      ],
    });
  }

  #replace(words: string): void {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: words } });
  }

  #send(): boolean {
    closeCompletion(this.#view);
    this.#text.form?.requestSubmit();
    return true;
  }

  async #check(view: EditorView): Promise<readonly Diagnostic[]> {
    const words = view.state.doc.toString();
    this.#asked?.abort();
    this.#asked = new AbortController();
    if (words.trim() === "") return [];
    try {
      return diagnostics(words, await check(words, this.#asked.signal));
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return [];
      console.warn("peil: no check", error);
      if (this.#help) this.#help.textContent = say("no-check");
      return [];
    }
  }

  /** The first fault in the line below: for who does not hover, and for a screen reader. */
  #tell(): void {
    const found: Diagnostic[] = [];
    forEachDiagnostic(this.#view.state, (each) => found.push(each));
    const [first] = found.sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
    const isWrong = first?.severity === "error";
    // Not within an update: the editor is told once this one is over.
    queueMicrotask(() => {
      this.#view.dispatch({
        effects: this.#state.reconfigure(
          EditorView.contentAttributes.of(isWrong ? { "aria-invalid": "true" } : {}),
        ),
      });
    });
    if (this.#help === null) return;
    // Of what was searched for, the page itself says below what may be meant otherwise.
    if (first === undefined || (!isWrong && this.#text.value === this.#text.defaultValue)) {
      if (this.#help.querySelector(".fault")) this.#help.innerHTML = this.#example;
      return;
    }
    const line = document.createElement("span");
    line.className = isWrong ? "fault error" : "fault";
    line.textContent = first.message;
    this.#help.replaceChildren(line);
    this.#makeRoom();
  }

  /** Lets the list of completions begin below the line of help. */
  #makeRoom(): void {
    this.#view.requestMeasure({
      key: this,
      read: (view) => {
        const line = view.coordsAtPos(view.state.selection.main.head);
        const help = this.#help?.getBoundingClientRect();
        return line && help ? Math.max(0, Math.ceil(help.bottom - line.bottom)) : 0;
      },
      write: (room, view) => view.dom.style.setProperty("--below-help", `${room}px`),
    });
  }
}
