/** A class's name as Keras 3 writes it in paths: DepthwiseConv2D -> depthwise_conv2d, LSTM -> lstm. */
export function snakeCase(className: string): string {
  return className
    .replaceAll(/\W+/g, "")
    .replaceAll(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}
