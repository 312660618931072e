import { cells, colour, split } from "./guidance.js";

const DIMMED = "rgba(24, 26, 38, .74)";
const OUTLINE = "#ff7a1a";
const TILE_BORDER = "rgba(110, 190, 255, .8)";
const LONGEST = 1344;

/**
 * Draws one view of a picture with its tokens.
 * @param canvas where to
 * @param picture an image element, or null where the browser cannot show the format
 * @param image the picture's layout
 * @param tiles the tiles of this view
 * @param look { layer: "kept" | "heat" | "plain", kept, levels }
 */
function drawView(canvas, picture, image, tiles, look) {
  const scale = Math.min(4, LONGEST / Math.max(image.width, image.height));
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  const [sx, sy] = [canvas.width / image.width, canvas.height / image.height];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  paint();
  if (look.layer === "plain") return;
  const rectangle = (cell) => {
    const [x, y] = [Math.round(cell.x * sx), Math.round(cell.y * sy)];
    return [x, y, Math.round((cell.x + cell.width) * sx) - x, Math.round((cell.y + cell.height) * sy) - y];
  };
  const all = tiles.filter((t) => t.area).flatMap((t) => [...cells(t)]);
  if (look.layer === "kept") {
    // What no token shows is dim too: the model does not see it.
    context.fillStyle = DIMMED;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.save();
    context.beginPath();
    for (const cell of all) if (look.kept[cell.token]) context.rect(...rectangle(cell));
    context.clip();
    paint();
    context.restore();
  } else {
    for (const cell of all) {
      context.fillStyle = `rgb(${colour(look.levels[cell.token]).join(" ")})`;
      context.fillRect(...rectangle(cell));
    }
  }

  if (look.layer === "heat" && picture) {
    // The picture in faint grey upon the colours, which mean importance alone.
    context.globalCompositeOperation = "multiply";
    context.filter = "grayscale(1) contrast(.6) brightness(1.25)";
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    context.filter = "none";
    context.globalCompositeOperation = "source-over";
  }

  for (const edge of new Set(tiles.map((t) => t.area?.left ?? 0))) if (edge > 0) line(edge * sx, 0, edge * sx, canvas.height, TILE_BORDER);
  for (const edge of new Set(tiles.map((t) => t.area?.top ?? 0))) if (edge > 0) line(0, edge * sy, canvas.width, edge * sy, TILE_BORDER);
  if (look.layer === "kept") for (const tile of tiles) if (tile.area) outline(tile);

  function paint() {
    if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    else {
      context.fillStyle = "#8a8f9c";
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
  }

  function line(x1, y1, x2, y2, style) {
    context.beginPath();
    context.strokeStyle = style;
    context.lineWidth = Math.max(2, canvas.width / 450);
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  // Only where a kept token borders on a dropped one: kept areas stay readable.
  function outline(tile) {
    const columns = tile.column_count + tile.newline_column_count;
    const stays = (row, column) => row >= 0 && row < tile.row_count && column >= 0 && column < tile.column_count
      && look.kept[tile.first_token + row * columns + column];
    for (const cell of cells(tile)) {
      if (!look.kept[cell.token]) continue;
      const [x, y, width, height] = rectangle(cell);
      if (!stays(cell.row - 1, cell.column)) line(x, y, x + width, y, OUTLINE);
      if (!stays(cell.row + 1, cell.column)) line(x, y + height, x + width, y + height, OUTLINE);
      if (!stays(cell.row, cell.column - 1)) line(x, y, x, y + height, OUTLINE);
      if (!stays(cell.row, cell.column + 1)) line(x + width, y, x + width, y + height, OUTLINE);
    }
  }
}

/** Draws a picture, and its overview beside it where the model also sees the whole picture small. */
export function draw(main, overview, picture, image, look) {
  const { details, overviews } = split(image);
  drawView(main, picture, image, details, look);
  overview.hidden = overviews.length === 0 || look.layer === "plain";
  if (!overview.hidden) drawView(overview, picture, image, overviews, look);
}
