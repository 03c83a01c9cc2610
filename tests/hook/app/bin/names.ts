export const named = (name: string): string => name;
