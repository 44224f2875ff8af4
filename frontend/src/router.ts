import { createRouter, createWebHistory } from 'vue-router';
import { navigationWorked, recoverNavigation } from './state/navigation.ts';
import GenesView from './views/GenesView.vue';

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: (to) => ({ name: 'genes', query: to.query }) },
    { path: '/genes', name: 'genes', component: GenesView },
    { path: '/genes/:symbol', name: 'gene', props: true, component: () => import('./views/GeneView.vue') },
    { path: '/statistics', name: 'statistics', component: () => import('./views/StatisticsView.vue') },
    { path: '/status', name: 'status', component: () => import('./views/StatusView.vue') },
    { path: '/about', name: 'about', component: () => import('./views/AboutView.vue') },
    { path: '/:rest(.*)', name: 'not-found', component: () => import('./views/NotFoundView.vue') },
  ],
  scrollBehavior(to, from, saved) {
    if (saved) return saved;
    return to.path === from.path ? false : { top: 0 };
  },
});

router.onError((_error, to) => recoverNavigation(to.fullPath));
router.afterEach(navigationWorked);
