export const yes = 2;
