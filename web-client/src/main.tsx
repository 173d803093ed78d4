import { render } from 'preact';
import './theme.css';
import './admin/admin.css';
import './theme';
import { App } from './app';
import { route } from './route';
import { restoreSession } from './session/session';

// A link that signs in replaces whoever was signed in, so the old session is not even asked for.
const { value: first } = route;
if (first.page !== 'sign-in' || !first.link) void restoreSession();

const root = document.getElementById('app');
if (root) render(<App />, root);
