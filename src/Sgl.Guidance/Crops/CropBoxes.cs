namespace Sgl.Guidance;

/// <summary>Few boxes around the needed cells of an image.</summary>
internal static class CropBoxes
{
    /// <summary>The boxes, in cells.</summary>
    public static IReadOnlyList<CropRectangle> Of(CellWeights cells, bool[] needed, int margin, int most)
    {
        var boxes = Groups(cells, needed).ConvertAll(b => Grow(b, margin, cells));
        while (Closest(boxes) is { } pair && (boxes.Count > most || pair.Added <= 0))
        {
            var joined = boxes[pair.One].Union(boxes[pair.Other]);
            boxes.RemoveAt(pair.Other);
            boxes[pair.One] = joined;
        }

        return boxes;
    }

    /// <summary>Bounding boxes of the groups of needed cells that touch.</summary>
    private static List<CropRectangle> Groups(CellWeights cells, bool[] needed)
    {
        var boxes = new List<CropRectangle>();
        var seen = new bool[needed.Length];
        var open = new Stack<int>();
        for (var start = 0; start < needed.Length; start++)
        {
            if (!needed[start] || seen[start])
            {
                continue;
            }

            var box = cells.Box(start);
            seen[start] = true;
            open.Push(start);
            while (open.TryPop(out var cell))
            {
                box = box.Union(cells.Box(cell));
                foreach (var neighbour in Neighbours(cell, cells))
                {
                    if (needed[neighbour] && !seen[neighbour])
                    {
                        seen[neighbour] = true;
                        open.Push(neighbour);
                    }
                }
            }

            boxes.Add(box);
        }

        return boxes;
    }

    private static IEnumerable<int> Neighbours(int cell, CellWeights cells)
    {
        var (row, column) = (cell / cells.Columns, cell % cells.Columns);
        for (var y = Math.Max(0, row - 1); y <= Math.Min(cells.Rows - 1, row + 1); y++)
        {
            for (var x = Math.Max(0, column - 1); x <= Math.Min(cells.Columns - 1, column + 1); x++)
            {
                yield return (y * cells.Columns) + x;
            }
        }
    }

    private static CropRectangle Grow(CropRectangle box, int margin, CellWeights cells)
    {
        var (x, y) = (Math.Max(0, box.X - margin), Math.Max(0, box.Y - margin));
        return new CropRectangle(x, y, Math.Min(cells.Columns, box.X + box.Width + margin) - x, Math.Min(cells.Rows, box.Y + box.Height + margin) - y);
    }

    /// <summary>The pair whose common box adds the fewest cells to the two; what they share is sent twice otherwise. Null with fewer than two.</summary>
    private static (int One, int Other, long Added)? Closest(List<CropRectangle> boxes)
    {
        (int One, int Other, long Added)? best = null;
        for (var i = 0; i < boxes.Count; i++)
        {
            for (var j = i + 1; j < boxes.Count; j++)
            {
                var added = boxes[i].Union(boxes[j]).Area - boxes[i].Area - boxes[j].Area;
                if (best is null || added < best.Value.Added)
                {
                    best = (i, j, added);
                }
            }
        }

        return best;
    }
}
