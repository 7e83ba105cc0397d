// Names the zone of the process where Intl would take the default of the host process. See time_zone.rs.
//
// Proxies, so that the functions look as they did: name, length, properties, `[native code]`.
(currentTimeZone) => {
  'use strict';
  const { apply, construct } = Reflect;
  const { create, defineProperty } = Object;
  const { DateTimeFormat } = Intl;
  let checked;
  let zone;
  // ICU knows names that Intl does not: they stay with what Date does.
  const current = () => {
    const name = currentTimeZone();
    if (name !== checked) {
      checked = name;
      try {
        new DateTimeFormat('en', { __proto__: null, timeZone: name });
        zone = name;
      } catch {
        zone = undefined;
      }
    }
    return zone;
  };
  const withZone = (options) => {
    if (options === null) return options;
    const name = current();
    if (name === undefined) return options;
    if (options === undefined) return { __proto__: null, timeZone: name };
    const object = Object(options);
    if (object.timeZone !== undefined) return options;
    return create(object, { timeZone: { __proto__: null, value: name, enumerable: true } });
  };
  const format = new Proxy(DateTimeFormat, {
    __proto__: null,
    apply: (target, self, args) => apply(target, self, [args[0], withZone(args[1])]),
    construct: (target, args, newTarget) => construct(target, [args[0], withZone(args[1])], newTarget === format ? target : newTarget),
  });
  const hide = (object, key, value) => defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  hide(DateTimeFormat.prototype, 'constructor', format);
  hide(Intl, 'DateTimeFormat', format);
  for (const name of ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'])
    hide(
      Date.prototype,
      name,
      new Proxy(Date.prototype[name], {
        __proto__: null,
        apply: (target, self, args) => apply(target, self, [args[0], withZone(args[1])]),
      }),
    );
};
