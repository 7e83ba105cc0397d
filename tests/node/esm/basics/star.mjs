export const star = 'star';
export default 'star default';
