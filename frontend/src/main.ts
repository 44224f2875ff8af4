import { createApp } from 'vue';
import App from './App.vue';
import { startLive } from './live/use-live.ts';
import { router } from './router.ts';
import './styles/base.css';

createApp(App).use(router).mount('#app');
startLive();
