/** A drawing as an image that stands alone: with its title, and where it is from. */

import type { Palette } from "./palette";

const SCALE = 2;
const MARGIN = 16;
const HEAD = 28;
const FOOT = 22;

export async function picture(
  svg: SVGSVGElement,
  { title, foot, colours }: { title: string; foot: string; colours: Palette },
): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true) as SVGSVGElement;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(
    new XMLSerializer().serializeToString(copy),
  )}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = (width + 2 * MARGIN) * SCALE;
  canvas.height = (height + HEAD + FOOT + 2 * MARGIN) * SCALE;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser cannot draw images");
  context.scale(SCALE, SCALE);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colours.ink;
  context.font = `600 16px ${colours.font}`;
  context.fillText(title, MARGIN, MARGIN + 14, width);
  context.drawImage(image, MARGIN, MARGIN + HEAD, width, height);
  context.fillStyle = colours.muted;
  context.font = `11px ${colours.font}`;
  context.fillText(foot, MARGIN, MARGIN + HEAD + height + 16, width);
  return await new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else reject(new Error("this browser cannot make a PNG image"));
    }, "image/png");
  });
}
