import { type WindowName, windowNames } from '../live/payloads';
import { windowWords } from '../live/trend';
import { navigate, route, windowName } from '../route';

const labels: Record<WindowName, string> = {
    '5m': '5 min',
    '1h': '1 h',
    '24h': '24 h',
    '30d': '30 d',
};

/** Native radio buttons: arrow keys and readers know them. */
export function WindowPicker() {
    return (
        <fieldset class="segments">
            <legend class="visually-hidden">Time window</legend>
            {windowNames.map((name) => (
                <label key={name} title={windowWords[name]}>
                    <input
                        type="radio"
                        name="window"
                        value={name}
                        checked={windowName.value === name}
                        onChange={() => navigate(route.peek(), name)}
                    />
                    <span>{labels[name]}</span>
                </label>
            ))}
        </fieldset>
    );
}
