/** Up to so many rows there is nothing to gain by leaving any out. */
const ALL = 400;
/** Rows beyond what is in sight. */
const BEYOND = 20;

interface Options { /** Height of a row. */ row: number; /** Makes the rows from the first to the last, that one excluded. */ render(first: number, last: number): void }

/** Long lists of rows of one height: only those in sight are in the page. */
export class Windowed {
  private rows = 0;
  private range: [first: number, last: number] = [0, 0];

  constructor(private readonly scroller: HTMLElement, private readonly options: Options) {
    scroller.addEventListener("scroll", () => this.update(), { passive: true });
    new ResizeObserver(() => this.update()).observe(scroller);
  }

  /** Of all rows; makes those in sight anew. */
  set count(rows: number) {
    this.rows = rows;
    this.range = [0, 0];
    this.update(true);
  }

  /** Makes the row if it is not there, by scrolling to it. */
  show(row: number): void {
    if (row < 0 || (row >= this.range[0] && row < this.range[1])) return;
    const { row: height } = this.options, room = Math.max(0, this.scroller.clientHeight - height) / 2;
    this.scroller.scrollTop = row * height - room;
    this.update(false, row);
  }

  private update(anew = false, wanted?: number): void {
    const { scroller, rows, options: { row } } = this;
    let [first, last] = [0, rows];
    if (rows > ALL) {
      // before it is laid out, a list tells no place
      const top = wanted !== undefined && !scroller.clientHeight ? wanted * row : scroller.scrollTop;
      first = Math.max(0, Math.min(rows - 1, Math.floor(top / row)) - BEYOND);
      last = Math.min(rows, Math.ceil((top + scroller.clientHeight) / row) + BEYOND);
    }
    const [from, to] = this.range;
    if (!anew && (rows <= ALL ? to === rows : Math.abs(first - from) < BEYOND / 2 && Math.abs(last - to) < BEYOND / 2)) return;
    this.range = [first, last];
    this.options.render(first, last);
  }
}
