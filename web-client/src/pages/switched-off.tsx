import { flagTitle } from '../admin/settings';
import { Copyable } from '../components/copy';
import { Notice } from '../components/notice';
import { hrefOf, type Route } from '../route';
import type { Flag } from '../session/principal';

/** Of a page that one may open once its feature is switched on, which it then does by itself. */
export function SwitchedOffPage({ flag, home }: { flag: Flag; home: Route }) {
    return (
        <Notice icon="pause" title={`${flagTitle(flag)}: not switched on`}>
            <p>
                This is not switched on for you at the moment. Nothing is lost, and the page appears
                here as soon as it is. Ask your account manager, and name the feature:
            </p>
            <Copyable text={flag} label="Feature" />
            <a class="button button-primary" href={hrefOf(home)}>
                To the start page
            </a>
        </Notice>
    );
}
