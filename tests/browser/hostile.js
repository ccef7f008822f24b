// Texts that try to be more than text. What succeeds sets `window.owned`.

export const payloads = [
  '"><img src=x onerror=window.owned=1>',
  '<script>window.owned=1</script>',
  '</title><script>window.owned=1</script>',
  '</style><script>window.owned=1</script>',
  '</script><script>window.owned=1</script>',
  '<svg onload=window.owned=1>',
  `' onfocus=window.owned=1 autofocus x='`,
  '[click](javascript:window.owned=1) ![](https://example.com/x.png) <https://example.com/>',
  '<iframe srcdoc="<script>parent.owned=1</script>"></iframe>',
  '<base href=https://example.com/><link rel=stylesheet href=//example.com/x.css>',
  '<meta http-equiv=refresh content=0;url=https://example.com/>',
  '<style>@import url(https://example.com/x.css)</style>',
  '-->{{ 7 * 191 }}{% raw %}',
  'abc\u202egpj.exe\u2066\u200b',
];
