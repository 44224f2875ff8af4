import { onBeforeUnmount, onMounted, type Ref, ref, useTemplateRef } from 'vue';

/**
 * The width of an element in pixels, as it changes: a chart is drawn for the width it has, so that its text keeps its
 * size on a phone.
 * @param refName the template ref of the element
 * @param initial what to assume before it is on the page
 */
export function useWidth(refName: string, initial: number): Readonly<Ref<number>> {
  const element = useTemplateRef<HTMLElement>(refName);
  const width = ref(initial);
  const observer = new ResizeObserver(([entry]) => {
    if (entry && entry.contentRect.width > 0) width.value = Math.floor(entry.contentRect.width);
  });
  onMounted(() => {
    if (element.value) observer.observe(element.value);
  });
  onBeforeUnmount(() => observer.disconnect());
  return width;
}
