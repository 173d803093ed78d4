import { fullTime, moment } from '../format/format';
import { localTime, serverNow } from '../live/clock';

/** A time of the server's, with its whole date for who points at it. */
export function When({ at, none = '–' }: { at: number | null | undefined; none?: string }) {
    if (at === null || at === undefined) return <>{none}</>;
    const local = localTime(at);
    return (
        <time dateTime={new Date(at).toISOString()} title={fullTime(local)}>
            {moment(local, localTime(serverNow()))}
        </time>
    );
}
