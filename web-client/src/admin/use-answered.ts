import { useRef } from 'preact/hooks';
import type { List } from '../session/resource';

/** The list that was asked for, or until it is here the one before: typing does not blank the page. */
export function useAnswered<Row>(list: List<Row>): List<Row> {
    const last = useRef(list);
    if (list.items.value || list.error.value) last.current = list;
    return last.current;
}
