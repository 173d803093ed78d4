import { render } from 'preact';
import './theme.css';
import './admin/admin.css';
import './theme';
import { App } from './app';
import { route } from './route';
import { takeAnswer } from './session/provider';
import { restoreSession, signInByProvider } from './session/session';

// Who comes from the identity provider, or with a link, replaces whoever was signed in, so the old
// session is not even asked for.
const { value: first } = route;
const answer = takeAnswer();
if (answer) void signInByProvider(answer);
else if (first.page !== 'sign-in' || !first.link) void restoreSession();

const root = document.getElementById('app');
if (root) render(<App />, root);
