export const handler = async () => {
  const x = ;
};
