export class Greeter {
  count = 0;
  greet(name: string, key?: string) {
    this.count += 1;
    return `hello ${name} ${key ?? ''} ${this.count}`;
  }
}

export const greet = (name: string, key?: string) => new Greeter().greet(name, key);
