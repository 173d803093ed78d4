import { Notice } from '../components/notice';
import { hrefOf, type Route } from '../route';

export function NotFoundPage({ home }: { home: Route }) {
    return (
        <Notice icon="dash" title="There is no such page">
            <p>The address is wrong, or it is of something that you may not see.</p>
            <a class="button button-primary" href={hrefOf(home)}>
                To the dashboard
            </a>
        </Notice>
    );
}
