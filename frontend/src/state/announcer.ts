import { nextTick, readonly, ref } from 'vue';

const message = ref('');

/** What the page's polite live region says at the moment; App.vue renders it. */
export const announcement = readonly(message);

/** Has a screen reader say something that sighted readers see happen. The same words twice are said twice. */
export async function announce(text: string): Promise<void> {
  message.value = '';
  await nextTick();
  message.value = text;
}
