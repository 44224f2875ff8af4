const list = (await (await fetch('/api/v1/notes')).json()) as { text: string }[];
document
  .querySelector('#notes')
  ?.append(...list.map(({ text }) => Object.assign(document.createElement('p'), { textContent: text })));
