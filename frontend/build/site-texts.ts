import type { Plugin } from 'vite';
import site from '../src/content/site.json' with { type: 'json' };

const SPECIAL: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Puts the texts of src/content/site.json in place of `%site.name%` and its like in index.html. */
export function siteTexts(): Plugin {
  return {
    name: 'site-texts',
    transformIndexHtml: (html) =>
      html.replace(/%site\.(\w+)%/g, (_, key: keyof typeof site) =>
        site[key].replace(/[&<>"]/g, (character) => SPECIAL[character] ?? character),
      ),
  };
}
