/**
 * A JSON document as a tree of signals, so that a merge patch redraws only the elements that show a
 * changed member. Every leaf and every set of keys is a signal of its own; `version` counts changes
 * of a whole subtree for readers that look at intervals (charts).
 */
import { batch, signal, type Signal } from '@preact/signals';

export type Scalar = string | number | boolean;
export type Json = Scalar | null | Json[] | { [key: string]: Json };

const noKeys: readonly string[] = [];

function isObject(value: Json): value is { [key: string]: Json } {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export class Tree<T> {
    readonly #scalar: Signal<Json | undefined> = signal(undefined);
    #keys: Signal<readonly string[]> | undefined;
    #children: Map<string, Tree<unknown>> | undefined;
    #present: Set<string> | undefined;
    #version = 0;

    /** The member's node, also before it exists: what reads it is redrawn when it arrives. */
    at<K extends keyof T & string>(key: K): Tree<Exclude<T[K], undefined>> {
        return this.#child(key) as Tree<Exclude<T[K], undefined>>;
    }

    /** A leaf's value; reading it in a computed or an effect subscribes. */
    get value(): Extract<T, Scalar> | undefined {
        return this.#scalar.value as Extract<T, Scalar> | undefined;
    }

    peek(): Extract<T, Scalar> | undefined {
        return this.#scalar.peek() as Extract<T, Scalar> | undefined;
    }

    /** Names of the present members; subscribes to arrivals and removals, not to changes inside. */
    get keys(): readonly string[] {
        this.#keys ??= signal(this.peekKeys());
        return this.#keys.value;
    }

    peekKeys(): readonly string[] {
        return this.#present ? [...this.#present] : noKeys;
    }

    has(key: string): boolean {
        return this.#present?.has(key) ?? false;
    }

    get version(): number {
        return this.#version;
    }

    /** Every leaf with its path, names joined by `/`; subscribes to nothing. */
    eachLeaf(visit: (path: string, value: Json) => void, path = ''): void {
        const value = this.#scalar.peek();
        if (value !== undefined) visit(path, value);
        for (const key of this.#present ?? noKeys)
            this.#child(key).eachLeaf(visit, path ? `${path}/${key}` : key);
    }

    /** Applies an RFC 7396 merge patch. */
    patch(patch: Json): void {
        batch(() => this.#merge(patch));
    }

    /** Makes the document equal to `state`; what is equal already is not touched. */
    replace(state: Json): void {
        batch(() => this.#assign(state));
    }

    #child(key: string): Tree<unknown> {
        this.#children ??= new Map();
        let child = this.#children.get(key);
        if (!child) {
            child = new Tree<unknown>();
            this.#children.set(key, child);
        }
        return child;
    }

    #merge(patch: Json): boolean {
        if (!isObject(patch)) return this.#setScalar(patch);
        let changed = this.#becomeObject();
        let keysChanged = false;
        for (const [key, value] of Object.entries(patch)) {
            if (value === null) {
                if (this.#remove(key)) keysChanged = true;
            } else {
                if (this.#add(key)) keysChanged = true;
                if (this.#child(key).#merge(value)) changed = true;
            }
        }
        return this.#changed(changed, keysChanged);
    }

    #assign(state: Json): boolean {
        if (!isObject(state)) return this.#setScalar(state);
        let changed = this.#becomeObject();
        let keysChanged = false;
        for (const key of this.peekKeys())
            if (!(key in state) && this.#remove(key)) keysChanged = true;
        for (const [key, value] of Object.entries(state)) {
            if (value === null) continue;
            if (this.#add(key)) keysChanged = true;
            if (this.#child(key).#assign(value)) changed = true;
        }
        return this.#changed(changed, keysChanged);
    }

    #changed(changed: boolean, keysChanged: boolean): boolean {
        if (keysChanged && this.#keys) this.#keys.value = this.peekKeys();
        if (changed || keysChanged) this.#version += 1;
        return changed || keysChanged;
    }

    #setScalar(value: Json | undefined): boolean {
        let changed = false;
        for (const key of this.peekKeys()) changed = this.#remove(key) || changed;
        if (changed && this.#keys) this.#keys.value = noKeys;
        if (this.#scalar.peek() !== value) {
            this.#scalar.value = value;
            changed = true;
        }
        if (changed) this.#version += 1;
        return changed;
    }

    #becomeObject(): boolean {
        if (this.#scalar.peek() === undefined) return false;
        this.#scalar.value = undefined;
        return true;
    }

    #add(key: string): boolean {
        this.#present ??= new Set();
        if (this.#present.has(key)) return false;
        this.#present.add(key);
        return true;
    }

    /**
     * A removed leaf keeps its node, since an element may go on showing it as absent; a removed
     * object (a job that left the list) is let go, or the tree would grow for ever.
     */
    #remove(key: string): boolean {
        if (!this.#present?.delete(key)) return false;
        const child = this.#child(key);
        const wasObject = child.#present !== undefined;
        child.#setScalar(undefined);
        if (wasObject) this.#children?.delete(key);
        return true;
    }
}
