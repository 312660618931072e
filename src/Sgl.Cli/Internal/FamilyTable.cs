using Sgl.Models;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>The families that can be opened, and what they are known by.</summary>
internal static class FamilyTable
{
    public static Grid Create()
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        grid.AddRow(new Styled("model_type", new Style(Color.Grey)), new Styled("opens"));
        foreach (var family in VlmFamilies.All)
        {
            grid.AddRow(new Styled(string.Join(", ", family.ModelTypes), new Style(Color.Grey)), new Styled(family.Opens));
        }

        return grid;
    }
}
