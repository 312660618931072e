namespace Sgl.Bench;

/// <summary>A table of results.</summary>
internal sealed class Section(string title, string explanation, string[] columns)
{
    private readonly List<string[]> _rows = [];
    private readonly List<Figure> _figures = [];

    /// <summary>Numbers that later runs are compared with.</summary>
    public IReadOnlyList<Figure> Figures => _figures;

    /// <summary>Adds one.</summary>
    public void Figure(string name, double value) => _figures.Add(new Figure(name, value));

    /// <summary>Adds a row and shows it at once.</summary>
    public void Row(params string[] cells)
    {
        _rows.Add(cells);
        Console.WriteLine($"{title}: {string.Join(" | ", columns.Zip(cells, (c, v) => $"{c} {v}"))}");
    }

    public string Markdown() => string.Join(
        '\n',
        [
            $"## {title}", "", explanation + ".", "", $"| {string.Join(" | ", columns)} |", $"|{string.Concat(columns.Select(_ => "---|"))}",
            .. _rows.Select(r => $"| {string.Join(" | ", r)} |"), "",
        ]);
}
