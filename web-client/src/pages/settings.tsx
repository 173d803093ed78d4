/** What is on for whom, and which models there are: for staff who may set it. */
import { Flags } from '../components/flags';
import { Models } from '../components/models';
import { PageFrame } from '../components/page';
import { may, type Principal } from '../session/principal';

export function SettingsPage({ principal }: { principal: Principal }) {
    return (
        <PageFrame title="Settings">
            {may(principal, 'flags.write') && <Flags />}
            {may(principal, 'models.write') && <Models principal={principal} />}
        </PageFrame>
    );
}
