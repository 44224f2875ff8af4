// Sets the theme the reader chose before anything is drawn. Without a choice the system decides.
try {
  const theme = JSON.parse(localStorage.getItem('kidney-genetics.theme') ?? 'null');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off or holds something else: the system's theme is right.
}
