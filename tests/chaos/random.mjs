/** Mulberry32: small, and the same everywhere. Returns numbers in [0, 1). */
export function random(state) {
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
}

/** Choices from one stream of random numbers. */
export class Dice {
    constructor(seed) {
        this.next = random(seed);
    }

    /** An integer from `low` to `high`, both included. */
    integer(low, high) {
        return low + Math.floor(this.next() * (high - low + 1));
    }

    chance(probability) {
        return this.next() < probability;
    }

    pick(items) {
        return items[Math.floor(this.next() * items.length)];
    }

    shuffle(items) {
        const copy = [...items];
        for (let i = copy.length - 1; i > 0; i--) {
            const j = this.integer(0, i);
            [copy[i], copy[j]] = [copy[j], copy[i]];
        }
        return copy;
    }

    /** A stream of its own, so that one actor's draws do not depend on another's timing. */
    fork() {
        return new Dice(Math.floor(this.next() * 2 ** 31));
    }
}
