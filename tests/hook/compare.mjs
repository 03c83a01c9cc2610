// Compares two cloud assemblies byte for byte.
import fs from 'node:fs';
import path from 'node:path';

/** Every way in which folder `b` differs from folder `a`: names, contents, modes of folders. */
export function differences(a, b) {
  const [left, right] = [listing(a), listing(b)];
  const names = [...new Set([...left.keys(), ...right.keys()])].sort();
  return names.flatMap((name) => {
    if (!right.has(name)) return [`missing: ${name}`];
    if (!left.has(name)) return [`extra: ${name}`];
    return left.get(name) === right.get(name) ? [] : [`differs: ${name}`];
  });
}

function listing(root, under = '', found = new Map()) {
  for (const entry of fs.readdirSync(path.join(root, under), { withFileTypes: true })) {
    const name = path.join(under, entry.name);
    const file = path.join(root, name);
    const mode = (fs.statSync(file).mode & 0o777).toString(8);
    if (entry.isDirectory()) listing(root, name, found.set(`${name}/`, mode));
    else found.set(name, `${mode} ${fs.readFileSync(file, 'latin1')}`);
  }
  return found;
}
